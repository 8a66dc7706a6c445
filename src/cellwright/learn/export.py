"""From a trained network to the ONNX file of a model, batch norms folded into the convolutions."""

from __future__ import annotations

import copy
import io
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cellwright.core.image import Array

__all__ = ["folded", "to_onnx"]


def folded(network: nn.Module) -> tuple[nn.Module, dict[str, Array]]:
    """Fold each batch norm into the convolution before it.

    Returns
    -------
    network : nn.Module
        A copy, whose convolutions have the names of before and a bias each.
    norms : dict
        From the state dict's names to the batch norms' own numbers, from which `unfolded` makes
        the network of before.
    """
    copied = copy.deepcopy(network).eval()
    norms: dict[str, Array] = {}
    for name, module in list(copied.named_modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            first, second = module[index], module[index + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                for key, value in second.state_dict().items():
                    norms[f"{name}.{index + 1}.{key}"] = value.numpy().copy()
                module[index] = fuse_conv_bn_eval(first, second)
                module[index + 1] = nn.Identity()
    return copied, norms


def to_onnx(network: nn.Module) -> bytes:
    """Bytes of an ONNX file with free batch, height and width, from an evaluated network."""
    dynamic: Any = torch.export.Dim.DYNAMIC
    example = torch.zeros(1, 3, 64, 96)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "weights.onnx")
        torch.onnx.export(
            network.eval(),
            (example,),
            path,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["image"],
            output_names=["maps"],
            dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},),
        )
        return path.read_bytes()


def norms_file(norms: dict[str, Array]) -> bytes:
    """Bytes of an uncompressed ``.npz`` of the batch norms' numbers."""
    file = io.BytesIO()
    np.savez(file, **norms)  # type: ignore[arg-type]
    return file.getvalue()
