"""S3 and stores that speak like it: datasets, SQL over them, and documents."""

from dk_notebook.backends.s3.backend import S3Backend
from dk_notebook.backends.s3.database import AsyncS3Database

BACKEND = S3Backend

__all__ = ["BACKEND", "AsyncS3Database", "S3Backend"]
