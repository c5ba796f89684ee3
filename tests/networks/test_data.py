"""Loaders, on tiny archives in the official formats."""

import gzip
import io
import pickle
import tarfile

import numpy as np
import pytest

from thermo_ideal.networks import ImageData, cifar, digits, idx_images

RNG = np.random.default_rng(0)
PARTS = {10: [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], 100: ["train", "test"]}
MEAN = {10: (0.4914, 0.4822, 0.4465), 100: (0.5071, 0.4867, 0.4408)}
DEVIATION = {10: (0.2023, 0.1994, 0.2010), 100: (0.2675, 0.2565, 0.2761)}


def write_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"folder/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def batches(classes, n=3):
    return {part: (RNG.integers(0, 256, (n, 3072), np.uint8), RNG.integers(0, classes, n)) for part in PARTS[classes]}


def python_files(classes, content):
    label = b"labels" if classes == 10 else b"fine_labels"
    files = {"batches.meta": b"", "readme.html": b""}
    for part, (pixels, labels) in content.items():
        batch = {b"data": pixels, label: labels.tolist(), b"coarse_labels": [0] * len(labels)}
        files[part] = pickle.dumps(batch, protocol=2)
    return files


def binary_files(classes, content):
    files = {}
    for part, (pixels, labels) in content.items():
        head = labels[:, None] if classes == 10 else np.stack([np.zeros_like(labels), labels], axis=1)
        files[f"{part}.bin"] = np.concatenate([head.astype(np.uint8), pixels], axis=1).tobytes()
    return files


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize(("kind", "files"), [("python", python_files), ("binary", binary_files)])
def test_cifar(tmp_path, classes, kind, files):
    content = batches(classes)
    write_archive(tmp_path / f"cifar-{classes}-{kind}.tar.gz", files(classes, content))
    data = cifar(tmp_path, classes, verify=False)
    *train, (pixels, labels) = content.values()
    assert len(data.images) == 3 * len(train)
    assert np.array_equal(data.labels[:3], train[0][1])
    assert np.array_equal(data.test_labels, labels)
    # Red at row 2, column 5: plane by plane, row by row.
    red = (pixels[1, 2 * 32 + 5] / 255 - MEAN[classes][0]) / DEVIATION[classes][0]
    blue = (pixels[1, 2 * 1024 + 2 * 32 + 5] / 255 - MEAN[classes][2]) / DEVIATION[classes][2]
    np.testing.assert_allclose(data.test_images[1, 2, 5, [0, 2]], [red, blue], rtol=1e-5)
    with pytest.raises(ValueError, match=r"got MD5 .*, expected .*; get the file again from the home page"):
        cifar(tmp_path, classes)


def test_damaged_cifar(tmp_path):
    content = batches(10)
    path = tmp_path / "cifar-10-binary.tar.gz"
    files = binary_files(10, content)
    write_archive(path, files | {"data_batch_3.bin": files["data_batch_3.bin"][:-1]})
    with pytest.raises(ValueError, match="data_batch_3 has 9218 bytes, no multiple of 3073"):
        cifar(tmp_path, verify=False)
    del files["test_batch.bin"]
    write_archive(path, files)
    with pytest.raises(ValueError, match="no test_batch in it"):
        cifar(tmp_path, verify=False)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match="damaged archive"):
        cifar(tmp_path, verify=False)


def test_a_pickle_calls_nothing(tmp_path):
    class Call:
        def __reduce__(self):
            return (print, ("called",))

    files = python_files(10, batches(10)) | {"data_batch_1": pickle.dumps(Call())}
    write_archive(tmp_path / "cifar-10-python.tar.gz", files)
    with pytest.raises(ValueError, match=r"it names builtins.print, which no official file does"):
        cifar(tmp_path, verify=False)


IDX = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (6, 28, 28), np.uint8),
    "train-labels-idx1-ubyte": np.arange(6, dtype=np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (2, 28, 28), np.uint8),
    "t10k-labels-idx1-ubyte": np.array([3, 1], np.uint8),
}


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files(tmp_path, zipped):
    for name, array in IDX.items():
        content = gzip.compress(idx(array)) if zipped else idx(array)
        (tmp_path / (f"{name}.gz" if zipped else name)).write_bytes(content)
    data = idx_images(tmp_path, verify=False)
    assert repr(data) == "ImageData: 6 images of 28 × 28 × 1 in 6 classes, 2 to test"
    assert data.test_labels.tolist() == [3, 1]
    pixels = IDX["train-images-idx3-ubyte"] / 255
    expected = (pixels - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(data.images[..., 0], expected, atol=1e-5)
    if zipped:
        with pytest.raises(ValueError, match="MD5 sums are not those of MNIST or Fashion-MNIST"):
            idx_images(tmp_path)


def test_damaged_idx_files(tmp_path):
    for name, array in IDX.items():
        (tmp_path / name).write_bytes(idx(array))
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r"got 4697 bytes of numbers, expected 4704 for shape \(6, 28, 28\)"):
        idx_images(tmp_path)
    path.write_bytes(idx(IDX["train-labels-idx1-ubyte"]))
    with pytest.raises(ValueError, match="got no IDX file of bytes with 3 axes"):
        idx_images(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="apt-get install dataset-fashion-mnist"):
        idx_images(tmp_path)
    (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(idx(IDX[path.name]))[:50])
    with pytest.raises(ValueError, match="damaged file"):
        idx_images(tmp_path)


def test_digits():
    data = digits()
    assert data.images.shape == (1497, 8, 8, 1)
    assert np.isclose(data.images.mean(), 0, atol=1e-5)
    assert np.isclose(data.images.std(), 1, atol=1e-5)
    assert np.bincount(data.test_labels).min() > 15


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cifar(".", 20), "num_classes: got 20, expected 10 or 100"),
        (lambda: ImageData(np.zeros((3, 2)), np.zeros(2, int)), r"labels: got shape \(2,\), expected \(3,\)"),
        (lambda: ImageData(np.zeros((3, 2)), np.zeros(3)), "labels: got float64"),
        (lambda: ImageData(np.zeros((3, 2)), np.array([-1, 0, 1])), "labels: got int64 from -1"),
        (lambda: ImageData(np.full((3, 2), np.nan), np.zeros(3, int)), "images: got nan"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
