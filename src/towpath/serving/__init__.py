"""The serving kit: what goes into a model image and answers for the model.

A model is a class with `load(self, weights: Path)` and `predict(self, inputs)`, served by
`python -m towpath.serving module:Class`. It may also have `warm_up(self)`, and the attributes `inputs` and `outputs`
that declare its tensors.
"""

from towpath.serving.protocol import BadInput, Inputs

__all__ = ["BadInput", "Inputs"]
