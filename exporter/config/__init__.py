"""The configuration: dr.yml -> what the exporter is built from, or everything that is wrong with it at once."""

from exporter.config.endpoints import Endpoint, Kind, Source
from exporter.config.loader import load
from exporter.config.mask import masked_yaml
from exporter.config.problem import ConfigError, Place, Problem
from exporter.config.result import Config, Loaded, SystemConfig
from exporter.config.schema import Contact, Reference, Shard
from exporter.config.templates import NAMES as TEMPLATES
from exporter.config.templates import template
from exporter.core.contacts import CONFIRMED_FOR

__all__ = [
    "CONFIRMED_FOR",
    "TEMPLATES",
    "Config",
    "ConfigError",
    "Contact",
    "Endpoint",
    "Kind",
    "Loaded",
    "Place",
    "Problem",
    "Reference",
    "Shard",
    "Source",
    "SystemConfig",
    "load",
    "masked_yaml",
    "template",
]
