"""Reads the YAML files that are named as arguments, by the rules of YAML 1.1, and writes a JSON array of what they say:
of each its one document or, after --all, a list of its documents."""
import json
import sys

import yaml


def read(path, is_list):
    with open(path, encoding="utf-8") as file:
        return list(yaml.safe_load_all(file)) if is_list else yaml.safe_load(file)


is_all = sys.argv[1] == "--all"
json.dump([read(path, is_all) for path in sys.argv[2 if is_all else 1 :]], sys.stdout)
