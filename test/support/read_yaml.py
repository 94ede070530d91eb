"""Reads the YAML files that are named as arguments, by the rules of YAML 1.1, and writes a JSON array of what they say."""
import json
import sys

import yaml


def read(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


json.dump([read(path) for path in sys.argv[1:]], sys.stdout)
