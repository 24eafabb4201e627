"""ONNX models: which files, how their graphs are prepared, and how they run on a CPU or a GPU."""
