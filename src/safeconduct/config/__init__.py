"""Configuration: files in one directory become frozen values, or a list of what is wrong."""

from safeconduct.config.load import Examined, examine, examine_files, load
from safeconduct.config.problem import ConfigError, Problem

__all__ = ["ConfigError", "Examined", "Problem", "examine", "examine_files", "load"]
