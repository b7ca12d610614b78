"""The paper's tables and figures, and the questions behind them, each one command."""
