"""Reads lines of JSON, and prints what of them is not as the schema has it that is named."""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
of = jsonschema.validators.validator_for(schema)
of.check_schema(schema)
validator = of(schema, format_checker=of.FORMAT_CHECKER)
for line in sys.stdin:
    for error in validator.iter_errors(json.loads(line)):
        print(line.rstrip(), error.message)
