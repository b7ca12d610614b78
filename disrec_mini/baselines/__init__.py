"""Recommenders to compare with: each is a `Recommender`, and measured alike."""

from disrec_mini.baselines.bert4rec import BERT4Rec, BERTConfig
from disrec_mini.baselines.bpr_mf import BPRMF, BPRConfig
from disrec_mini.baselines.caser import Caser, CaserConfig
from disrec_mini.baselines.cooccurrence import PMI, Cooccurrence
from disrec_mini.baselines.fpmc import FPMC, FPMCConfig
from disrec_mini.baselines.gru4rec import GRU4Rec, GRU4RecPlus, GRUConfig, GRUPlusConfig
from disrec_mini.baselines.ncf import NCF, NCFConfig
from disrec_mini.baselines.objectives import Causal, NextItem, NextItemConfig
from disrec_mini.baselines.popularity import Counted, InversePopularity, Popularity
from disrec_mini.baselines.sasrec import SASRec, SASRecConfig
from disrec_mini.settings import document

document(NextItemConfig, BPRConfig, NCFConfig, FPMCConfig, GRUConfig, GRUPlusConfig)
document(CaserConfig, SASRecConfig, BERTConfig)

__all__ = [
    "BPRMF",
    "FPMC",
    "NCF",
    "PMI",
    "BERT4Rec",
    "BERTConfig",
    "BPRConfig",
    "Caser",
    "CaserConfig",
    "Causal",
    "Cooccurrence",
    "Counted",
    "FPMCConfig",
    "GRU4Rec",
    "GRU4RecPlus",
    "GRUConfig",
    "GRUPlusConfig",
    "InversePopularity",
    "NCFConfig",
    "NextItem",
    "NextItemConfig",
    "Popularity",
    "SASRec",
    "SASRecConfig",
]
