"""Pools of runtimes: a pure policy, the books it is kept on, the workshop that makes runtimes, and the public class."""

from .books import PoolStats
from .pool import RuntimePool

__all__ = ["PoolStats", "RuntimePool"]
