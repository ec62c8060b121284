"""What several of them speak in."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
