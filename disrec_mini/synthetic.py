"""Worlds with known intentions: clicks whose hidden truth lies beside them.

Every user mixes K intentions. Behind each click stands one of them, which tends to stay
for the next click; inside an intention the user walks along a chain of items, so the
next item can be predicted; some clicks are noise. What a model must find out, we know.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from disrec_mini.checks import check_share, check_whole, is_number
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions

STEP_SHARES = (0.75, 0.25)  # how often a walk moves on by 1 item, by 2 items


@dataclass(frozen=True)
class WorldSettings:
    """What a world is made from: the arguments of `make_world`, checked."""

    n_users: int = 600
    length: int | tuple[int, int] = 36
    n_intents: int = 4
    items_per_intent: int = 40
    chain: int = 20
    stay: float = 0.85
    noise: float = 0.2
    concentration: float = 1.0
    seed: int = 0
    wander: float = 0.0

    def __post_init__(self) -> None:
        for name in ("n_users", "n_intents", "items_per_intent", "chain"):
            check_whole(getattr(self, name), name, 1)
        check_whole(self.seed, "seed", 0)
        shortest, longest = self.lengths
        check_whole(shortest, "length", 1)
        check_whole(longest, "the longest length", shortest)
        if self.items_per_intent % self.chain:
            raise DisrecError(
                f"items_per_intent must be a multiple of chain, but "
                f"{self.items_per_intent} items do not divide into chains of "
                f"{self.chain}."
            )
        for name in ("stay", "noise", "wander"):
            check_share(getattr(self, name), name)
        spread = self.concentration
        if not is_number(spread) or not 0 < spread < float("inf"):
            raise DisrecError(
                f"concentration must be a positive number (small: one intention per "
                f"user, large: all alike), not {spread!r}."
            )

    @property
    def lengths(self) -> tuple[int, int]:
        """Shortest and longest number of clicks."""
        if not isinstance(self.length, tuple | list):
            return self.length, self.length
        if len(self.length) != 2:
            raise DisrecError(
                f"length must be one number or (shortest, longest), not "
                f"{self.length!r}."
            )
        return self.length[0], self.length[1]


@dataclass(frozen=True, repr=False, eq=False)
class World:
    """Clicks and the truth behind them. Intentions and chains count from 0.

    Parameters
    ----------
    interactions : the clicks a model may see.
    intention_of_item : (n_items + 1,) int64; -1 for padding.
    chain_of_item : (n_items + 1,) int64, numbered through all intentions; -1 for
        padding.
    intention_of_click : (n_clicks,) int64, aligned with `interactions.items`: what the
        user had in mind, also where noise replaced the item.
    is_noise : (n_clicks,) bool, the item was replaced by one drawn from all items.
    user_mixture : (n_users, K), rows sum to 1: a user's share of each intention.
    settings : what the world was made from.
    """

    interactions: Interactions
    intention_of_item: np.ndarray
    chain_of_item: np.ndarray
    intention_of_click: np.ndarray
    is_noise: np.ndarray
    user_mixture: np.ndarray
    settings: WorldSettings

    def of_user(self, user: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One user's items, intentions and noise marks, each (T_u,)."""
        items = self.interactions[user]  # checks the number
        start = self.interactions.offsets[user]
        part = slice(start, start + len(items))
        return items, self.intention_of_click[part], self.is_noise[part]

    def __repr__(self) -> str:
        return (
            f"World({self.settings.n_intents} intentions, noise {self.settings.noise}, "
            f"{self.interactions!r})"
        )


def make_world(
    n_users: int = 600,
    length: int | tuple[int, int] = 36,
    n_intents: int = 4,
    items_per_intent: int = 40,
    chain: int = 20,
    stay: float = 0.85,
    noise: float = 0.2,
    concentration: float = 1.0,
    seed: int = 0,
    wander: float = 0.0,
) -> World:
    """A world of users who mix intentions and walk along chains of items.

    Parameters
    ----------
    n_users : N.
    length : clicks per user, or (shortest, longest), drawn uniformly.
    n_intents : K.
    items_per_intent : items k * items_per_intent + 1, ... belong to intention k.
    chain : items in a sub-chain. A user follows one sub-chain of each intention, moving
        on by 1 item (75 %) or 2 (25 %) from one of its clicks to the next, round and
        round, and takes it up where it was left when the intention comes back.
    stay : probability that the next click keeps the intention for sure; otherwise the
        intention is drawn anew from the user's mixture pi, and may come out the same:
        P(same) = stay + (1 - stay) * sum_k pi_k^2, and pi is the share of clicks.
    noise : share of clicks, exactly round(noise * n_clicks) of them, whose item is
        replaced by one drawn uniformly from all items.
    concentration : of the Dirichlet distribution of mixtures pi.
    seed : the same seed makes the same world.
    wander : probability that a click leaves the walk for a uniformly drawn item of its
        sub-chain. At 0 neighbours in a chain are all that belongs together; the higher
        it is, the more all items of a sub-chain do.

    Raises
    ------
    DisrecError : an argument outside its range.
    """
    shape = (n_users, length, n_intents, items_per_intent, chain)
    settings = WorldSettings(*shape, stay, noise, concentration, seed, wander)
    groups = [f"intention {k + 1}" for k in range(n_intents)]
    return _build(settings, groups, [f"{group}, item" for group in groups])


def shirts_and_trousers(
    n_users: int = 200,
    length: int | tuple[int, int] = (8, 16),
    stay: float = 0.7,
    noise: float = 0.0,
    seed: int = 0,
) -> World:
    """The book's small world: shirt 1 to shirt 20, trousers 1 to trousers 20.

    Two intentions with two chains of ten items each; otherwise as `make_world`.
    """
    settings = WorldSettings(n_users, length, 2, 20, 10, stay, noise, 1.0, seed)
    return _build(settings, ("shirts", "trousers"), ("shirt", "trousers"))


def _build(s: WorldSettings, groups: Sequence[str], nouns: Sequence[str]) -> World:
    rng = np.random.default_rng(s.seed)
    mixture = rng.dirichlet(np.full(s.n_intents, s.concentration), size=s.n_users)
    shortest, longest = s.lengths
    lengths = rng.integers(shortest, longest, size=s.n_users, endpoint=True)
    user_of_click = np.repeat(np.arange(s.n_users), lengths)
    first = np.cumsum(lengths) - lengths
    intention = _draw_intentions(mixture, user_of_click, first, s.stay, rng)
    items = _walk_chains(user_of_click, intention, s, rng)
    where = rng.permutation(len(items))[: round(s.noise * len(items))]
    n_items = s.n_intents * s.items_per_intent
    items[where] = rng.integers(1, n_items, size=len(where), endpoint=True)
    is_noise = np.zeros(len(items), bool)
    is_noise[where] = True
    item = np.arange(n_items)
    interactions = Interactions(
        items,
        np.concatenate([first, [len(items)]]),
        n_items,
        item_names=[
            "",
            *(f"{n} {j + 1}" for n in nouns for j in range(s.items_per_intent)),
        ],
        item_categories=[
            (),
            *((g,) for g in groups for _ in range(s.items_per_intent)),
        ],
    )
    return World(
        interactions,
        intention_of_item=np.append(-1, item // s.items_per_intent),
        chain_of_item=np.append(-1, item // s.chain),
        intention_of_click=intention,
        is_noise=is_noise,
        user_mixture=mixture,
        settings=s,
    )


def _draw_intentions(
    mixture: np.ndarray,
    user_of_click: np.ndarray,
    first: np.ndarray,
    stay: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """(n_clicks,) intention behind each click: the one before, or drawn from pi."""
    n = len(user_of_click)
    cumulative = np.cumsum(mixture, axis=1)[user_of_click]  # (n_clicks, K)
    drawn = (rng.random((n, 1)) >= cumulative[:, :-1]).sum(axis=1)
    anew = rng.random(n) >= stay
    anew[first] = True
    return drawn[np.maximum.accumulate(np.where(anew, np.arange(n), 0))]


def _walk_chains(
    user_of_click: np.ndarray,
    intention: np.ndarray,
    s: WorldSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """(n_clicks,) items: each (user, intention) walks round one chain of its own."""
    walk = user_of_click * s.n_intents + intention  # which walk a click belongs to
    order = np.argsort(walk, kind="stable")  # walk after walk, clicks in order
    steps = rng.choice(len(STEP_SHARES), size=len(walk), p=STEP_SHARES) + 1
    far = np.cumsum(steps)
    is_start = np.diff(walk[order], prepend=-1) != 0
    start = np.maximum.accumulate(np.where(is_start, np.arange(len(walk)), 0))
    n_walks = s.n_users * s.n_intents
    place = rng.integers(s.chain, size=n_walks)[walk[order]] + far - far[start]
    which = rng.integers(s.items_per_intent // s.chain, size=n_walks)[walk[order]]
    if s.wander:
        leaves = rng.random(len(walk)) < s.wander
        place = np.where(leaves, rng.integers(s.chain, size=len(walk)), place)
    items = np.empty(len(walk), np.int64)
    items[order] = (
        intention[order] * s.items_per_intent + which * s.chain + place % s.chain + 1
    )
    return items
