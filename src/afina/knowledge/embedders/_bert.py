"""A BERT encoder as an OpenVINO graph, written from its published weights: no torch, no converter.

Differs from the reference only in how it is computed: query, key and value in one product, mean pooling and
normalisation inside the graph, padding masked by a bias.
Source: Devlin et al. 2018, arXiv 1810.04805; pooling as in Reimers and Gurevych 2019, arXiv 1908.10084.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op

Array = NDArray[np.float32]
Weights = Mapping[str, Array]
MASKED = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class BertShape:
    """layers, heads: of the encoder. eps: of its layer norms."""

    layers: int
    heads: int
    eps: float


def bert_graph(weights: Weights, shape: BertShape) -> ov.Model:
    """ids (batch, time) int32 and mask (batch, time) float32 (1: a token) -> (batch, hidden) float32 of length 1."""
    ids = op.parameter([-1, -1], np.int32, name="ids")
    mask = op.parameter([-1, -1], np.float32, name="mask")
    bias = op.multiply(op.subtract(op.constant(np.float32(1)), _axes(mask, [1, 2])), op.constant(MASKED))
    x = _embedded(weights, ids, shape)
    for n in range(shape.layers):
        x = _layer(weights, f"encoder.layer.{n}.", x, bias, shape)
    return ov.Model([_pooled(x, mask)], [ids, mask], "bert")


def _embedded(w: Weights, ids: ov.Node, shape: BertShape) -> ov.Node:
    zero = op.constant(np.int32(0))
    length = op.gather(op.shape_of(ids, output_type="i32"), op.constant(np.int32(1)), zero)
    places = op.range(zero, length, op.constant(np.int32(1)), output_type="i32")
    fixed = w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
    words = op.gather(op.constant(w["embeddings.word_embeddings.weight"]), ids, zero)
    return _norm(w, "embeddings.LayerNorm.", op.add(words, op.gather(op.constant(fixed), places, zero)), shape)


def _layer(w: Weights, at: str, x: ov.Node, bias: ov.Node, shape: BertShape) -> ov.Node:
    mixed = _linear(w, f"{at}attention.output.dense", _attended(w, f"{at}attention.self.", x, bias, shape))
    x = _norm(w, f"{at}attention.output.LayerNorm.", op.add(x, mixed), shape)
    wide = op.gelu(_linear(w, f"{at}intermediate.dense", x), "erf")
    return _norm(w, f"{at}output.LayerNorm.", op.add(x, _linear(w, f"{at}output.dense", wide)), shape)


def _attended(w: Weights, at: str, x: ov.Node, bias: ov.Node, shape: BertShape) -> ov.Node:
    hidden = w[f"{at}query.weight"].shape[0]
    heads = op.constant(np.array([0, 0, shape.heads, hidden // shape.heads], np.int32))
    order = op.constant(np.array([0, 2, 1, 3], np.int32))
    parts = [
        op.transpose(op.reshape(_linear(w, f"{at}{name}", x), heads, special_zero=True), order)
        for name in ("query", "key", "value")
    ]
    mixed = op.scaled_dot_product_attention(*parts, attention_mask=bias)
    flat = op.constant(np.array([0, 0, hidden], np.int32))
    return op.reshape(op.transpose(mixed, order), flat, special_zero=True)


def _linear(w: Weights, name: str, x: ov.Node) -> ov.Node:
    product = op.matmul(x, op.constant(w[f"{name}.weight"]), transpose_a=False, transpose_b=True)
    return op.add(product, op.constant(w[f"{name}.bias"]))


def _norm(w: Weights, at: str, x: ov.Node, shape: BertShape) -> ov.Node:
    last = op.constant(np.array([-1], np.int32))
    unit = op.mvn(x, last, normalize_variance=True, eps=shape.eps, eps_mode="INSIDE_SQRT")
    return op.add(op.multiply(unit, op.constant(w[f"{at}weight"])), op.constant(w[f"{at}bias"]))


def _pooled(x: ov.Node, mask: ov.Node) -> ov.Node:
    time = op.constant(np.array([1], np.int32))
    weight = _axes(mask, [2])
    mean = op.divide(
        op.reduce_sum(op.multiply(x, weight), time, keep_dims=False), op.reduce_sum(weight, time, keep_dims=False)
    )
    return op.normalize_l2(mean, time, eps=1e-12, eps_mode="max")


def _axes(x: ov.Node, axes: list[int]) -> ov.Node:
    return op.unsqueeze(x, op.constant(np.array(axes, np.int32)))
