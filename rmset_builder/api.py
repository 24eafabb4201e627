"""The door for programs: the faces of a picture, and a video's shards, as `rmset extract` makes them.

Example:
    >>> import numpy as np
    >>> with PictureFaces() as faces:
    ...     found = faces.find(np.zeros((480, 640, 3), np.uint8))
    >>> len(found.pictures), found.boxes.shape
    (0, (0, 4))
"""

from __future__ import annotations

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.drawing.video_writer import VideoWriter
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.inference.session import cuda_is_there
from rmset_builder.pipeline.picture_faces import AlignedFaces, PictureFaces
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.video_extractor import VideoExtractor
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VIDEO_SUFFIXES, VideoInfo

__all__ = [
    "VIDEO_SUFFIXES",
    "AlignedFaces",
    "ExtractSettings",
    "FrameReader",
    "PictureFaces",
    "Provenance",
    "RmsetError",
    "VideoError",
    "VideoExtractor",
    "VideoInfo",
    "VideoRecord",
    "VideoWriter",
    "cuda_is_there",
]
