"""Archives of images in their official formats: CIFAR as Python's pickles or as bytes, and IDX files."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thermo_ideal.networks._data import ImageData, normalised

_SIDE, _CHANNELS = 32, 3
_PIXELS = _SIDE * _SIDE * _CHANNELS
_CIFAR_HOME = "the home page of the CIFAR data sets, www.cs.toronto.edu/~kriz/cifar.html"
_IDX_HOME = (
    "apt-get install dataset-fashion-mnist for Fashion-MNIST, or the data set's home page (IDX files: "
    "train-images-idx3-ubyte and the like, as they are or with .gz)"
)
# MD5 sums as their authors publish them.
_CIFAR: Mapping[int, Any] = {
    10: {
        "archives": {
            "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
            "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
        },
        "train": [f"data_batch_{i}" for i in range(1, 6)],
        "test": ["test_batch"],
        "label": "labels",
        "moments": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    },
    100: {
        "archives": {
            "cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85",
            "cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8",
        },
        "train": ["train"],
        "test": ["test"],
        "label": "fine_labels",
        "moments": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    },
}
_IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_IDX_SUMS = {  # of the .gz files, by data set
    "MNIST": (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "Fashion-MNIST": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}


def cifar(folder: str | Path, num_classes: int = 10, *, verify: bool = True) -> ImageData:
    """CIFAR-10 or CIFAR-100 (fine labels) from an official archive, for Python or binary.

    Args:
        folder: where the archive lies, as in `cifar-10-python.tar.gz` or `cifar-10-binary.tar.gz`.
        num_classes: 10 or 100.
        verify: whether the archive must have the published MD5 sum.

    Returns:
        An `ImageData` of 32 × 32 pixels, normalised by the usual means and deviations of the channels.

    Raises:
        FileNotFoundError: there is no archive in the folder; the message says where to get one.
        ValueError: another number of classes, or an archive that is damaged, truncated or not the published one.

    Example:
        >>> from thermo_ideal.networks import cifar
        >>> cifar("nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: nowhere: got none of cifar-10-python.tar.gz, cifar-10-binary.tar.gz, expected one of them...

    Source: Krizhevsky, Learning multiple layers of features from tiny images (2009).
    """
    if num_classes not in _CIFAR:
        raise ValueError(f"num_classes: got {num_classes!r}, expected 10 or 100, as in cifar(folder, num_classes=10)")
    known = _CIFAR[num_classes]
    path = next((Path(folder) / name for name in known["archives"] if (Path(folder) / name).is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{folder}: got none of {', '.join(known['archives'])}, expected one of them; get it from {_CIFAR_HOME}"
        )
    if verify:
        _require_sum(path, known["archives"][path.name], _CIFAR_HOME)
    parts = [*known["train"], *known["test"]]
    read = _read_pickles if "python" in path.name else _read_records
    try:
        pixels, labels = read(path, parts, known["label"])
    except (tarfile.TarError, EOFError, OSError, pickle.UnpicklingError, KeyError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: got a damaged archive ({error}), expected another from {_CIFAR_HOME}") from error
    images = [x.reshape(-1, _CHANNELS, _SIDE, _SIDE).transpose(0, 2, 3, 1).astype(np.float32) / 255 for x in pixels]
    n = len(known["train"])
    first, second = (np.concatenate(images[:n]), np.concatenate(labels[:n])), (images[n], labels[n])
    return normalised(*first, *second, known["moments"])


def _require_sum(path: Path, expected: str, home: str) -> None:
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path}: got MD5 {found}, expected {expected}; get the file again from {home}, or read it as it is with "
            "verify=False"
        )


def _members(path: Path, parts: list[str]) -> dict[str, bytes]:
    """The contents of files in an archive, by their name without folder and ending."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).stem
            if name in parts and member.isfile():
                file = archive.extractfile(member)
                assert file is not None
                found[name] = file.read()
    missing = [part for part in parts if part not in found]
    if missing:
        raise KeyError(f"no {', '.join(missing)} in it")
    return found


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of arrays, and calls nothing else that one names."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        if module.split(".")[0] == "numpy" and name in allowed:
            return allowed[name]
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding: text.encode(encoding)
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no official file does")


def _read_pickles(path: Path, parts: list[str], label: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    pixels, labels = [], []
    contents = _members(path, parts)
    for part in parts:
        batch = _ArraysOnly(io.BytesIO(contents[part]), encoding="bytes").load()
        batch = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        pixels.append(np.asarray(batch["data"], np.uint8))
        labels.append(np.asarray(batch[label], np.int32))
        if pixels[-1].shape != (len(labels[-1]), _PIXELS):
            raise pickle.UnpicklingError(f"{part} has pixels of shape {pixels[-1].shape} for {len(labels[-1])} labels")
    return pixels, labels


def _read_records(path: Path, parts: list[str], label: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Records of one or two bytes of labels, the fine one last, and 3072 of pixels."""
    head = 1 if label == "labels" else 2
    contents = _members(path, parts)
    pixels, labels = [], []
    for part in parts:
        if not contents[part] or len(contents[part]) % (head + _PIXELS):
            raise EOFError(f"{part} has {len(contents[part])} bytes, no multiple of {head + _PIXELS}")
        records = np.frombuffer(contents[part], np.uint8).reshape(-1, head + _PIXELS)
        labels.append(records[:, head - 1].astype(np.int32))
        pixels.append(records[:, head:])
    return pixels, labels


def idx_images(folder: str | Path, *, verify: bool = True) -> ImageData:
    """MNIST, Fashion-MNIST or any data set of four IDX files of the same names, as they are or gzipped.

    Args:
        folder: where `train-images-idx3-ubyte` and the other three lie, each perhaps with `.gz`.
        verify: whether gzipped files must have the MD5 sums that one of the two data sets publishes; files that are not
            gzipped have none, and only their sizes are checked.

    Returns:
        An `ImageData` of one channel, normalised by mean and deviation over all pixels of training.

    Raises:
        FileNotFoundError: a file is missing; the message says which, and where to get it.
        ValueError: a file that is truncated, not in the format, or not the published one.

    Example:
        >>> from thermo_ideal.networks import idx_images
        >>> idx_images("nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: nowhere: got no train-images-idx3-ubyte or train-images-idx3-ubyte.gz, expected it; ...

    Source: LeCun, Cortes & Burges, The MNIST database; Xiao, Rasul & Vollgraf, arXiv 1708.07747.
    """
    arrays, sums = [], []
    for name in _IDX_NAMES:
        plain, zipped = Path(folder) / name, Path(folder) / f"{name}.gz"
        path = zipped if zipped.is_file() else plain
        if not path.is_file():
            raise FileNotFoundError(f"{folder}: got no {name} or {name}.gz, expected it; {_IDX_HOME}")
        content = path.read_bytes()
        if path == zipped:
            sums.append(hashlib.md5(content, usedforsecurity=False).hexdigest())
            try:
                content = gzip.decompress(content)
            except (EOFError, OSError) as error:
                raise ValueError(f"{path}: got a damaged file ({error}), expected a whole one; {_IDX_HOME}") from error
        arrays.append(_idx_array(path, content, 3 if "images" in name else 1))
    if verify and len(sums) == len(_IDX_NAMES) and tuple(sums) not in _IDX_SUMS.values():
        raise ValueError(
            f"{folder}: got files whose MD5 sums are not those of {' or '.join(_IDX_SUMS)}, expected one of them; read "
            "them as they are with verify=False"
        )
    images, labels, test_images, test_labels = arrays
    pixels = (x[..., None].astype(np.float32) / 255 for x in (images, test_images))
    return normalised(next(pixels), labels.astype(np.int32), next(pixels), test_labels.astype(np.int32))


def _idx_array(path: Path, content: bytes, axes: int) -> np.ndarray:
    """Four bytes of format (8: unsigned bytes; how many axes), the sizes as integers of four bytes, the numbers."""
    begin = 4 + 4 * axes
    if len(content) < begin or content[:4] != bytes([0, 0, 8, axes]):
        raise ValueError(f"{path}: got no IDX file of bytes with {axes} axes, expected one; {_IDX_HOME}")
    shape = tuple(int(n) for n in np.frombuffer(content[4:begin], ">u4"))
    if len(content) - begin != math.prod(shape):
        raise ValueError(
            f"{path}: got {len(content) - begin} bytes of numbers, expected {math.prod(shape)} for shape {shape}: "
            f"it is truncated, or something is appended; {_IDX_HOME}"
        )
    return np.frombuffer(content, np.uint8, offset=begin).reshape(shape)
