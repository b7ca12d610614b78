"""A search that finds definitions first, and prose rather than code.

Every term below becomes an entry of the index, at the paragraph that defines it: the
first one that holds the given words, or the top of its page. Code cells and what they
print are not searched.
"""

from docutils import nodes
from sphinx.addnodes import index
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# page -> words of the defining paragraph -> terms
TERMS = {
    "book/02_myopia": {
        "myopic": "myopia",
        "sequence-to-item": "seq2item",
        "sequence-to-sequence": "seq2seq",
    },
    "book/03_measuring": {
        "whether the item is among": "Recall@k; Recall@10; hit rate; HR@10",
        "discounted cumulative gain": "NDCG@k; NDCG@10",
        "mean reciprocal rank": "MRR; mean reciprocal rank",
        "last click": "leave-one-out; test set; validation set",
        "negatives drawn": "sampled ranking; full ranking; sampled metrics",
        "pointwise mutual information": "PMI; co-occurrence",
        "inverse popularity": "popularity; inverse popularity; popularity bias",
        "ties count": "ties",
        "bootstrap": "bootstrap; 95 % interval; confidence interval",
        "equivalent": "equivalence margin; undecided",
        "cold": "cold items; warm items",
    },
    "book/05_encoder": {
        "query": "self-attention; attention; query, key, value",
        "causal mask": "causal mask",
        "padding": "padding",
        "layer normalisation": "layer normalisation",
        "encoder": "encoder; SASRec",
    },
    "book/06_intentions": {
        "intention layer": "intention layer; disentangled; disentanglement",
        "prototype": "prototype",
        "collapse": "prototype collapse; mode collapse; collapse",
        "centre": "remedy",
    },
    "book/07_seq2item": {
        "group": "in-batch negatives; in-batch softmax; negatives",
        "temperature": "temperature; softmax temperature",
        "the rich get richer": "winner takes all",
        "logQ correction": "logQ; logQ correction",
    },
    "book/08_latent_self_supervision": {
        "one vector for the whole future": "latent self-supervision; whole future",
        "triple": "triple",
    },
    "book/09_confident_samples": {
        "quantile": "lambda; threshold; quantile",
        "confident": "confident samples",
    },
    "book/10_training": {
        "prefix": "prefix sharing",
        "packing": "packing",
        "moving average": "moving average",
        "checkpoint": "checkpoint",
    },
    "book/11_prototype_attention": {
        "mutual information": "NMI; normalised mutual information",
        "purity is": "purity",
    },
    "book/12_noise": {
        "noise rate": "noise rate; noise",
        "relative performance": "relative performance",
    },
    "book/reference/install": {
        "with pip and git": "pip install; install; installation; how to install",
        "in colab": "Colab",
        "gpu": "GPU; CUDA",
        "the commands": "command line; CLI",
    },
    "book/course": {
        "assignment": "assignments; exercises",
        "nbgrader": "nbgrader; grading",
    },
}
CODE = {"cell_input", "stream"}


class Definitions(SphinxTransform):
    default_priority = 390  # before boxes become other elements

    def apply(self) -> None:
        box = self.document.next_node(nodes.Admonition)  # "In this chapter"
        promises = list(box.findall(nodes.paragraph)) if box else []
        texts = [
            (paragraph, " ".join(paragraph.astext().split()).lower())
            for paragraph in self.document.findall(nodes.paragraph)
            if paragraph not in promises
        ]
        top = self.document.next_node(nodes.section)
        for words, terms in TERMS.get(self.env.docname, {}).items():
            found = (node for node, text in texts if words.lower() in text)
            at = next(found, top)
            if not at["ids"]:
                at["ids"] = [nodes.make_id("term-" + terms.partition(";")[0])]
            entries = [
                ("single", term.replace(";", ""), at["ids"][0], "main", None)
                for term in terms.split("; ")
            ]
            top.append(index(entries=entries))


def without_code(doctree: nodes.document) -> nodes.document:
    """The page as it is searched."""
    doctree = doctree.deepcopy()
    for node in list(doctree.findall(nodes.Element)):
        if node.parent and CODE & set(node.get("classes", ())):
            node.parent.remove(node)
    return doctree


def search_prose(app: Sphinx) -> None:
    if app.builder.format == "html":
        feed = app.builder.index_page
        app.builder.index_page = lambda page, doctree, title: feed(
            page, without_code(doctree), title
        )


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(Definitions)
    app.connect("builder-inited", search_prose)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
