"""Reads documents of `farm attest` as others do: bills by spdx-tools and cyclonedx-python-lib, statements by in-toto-attestation,
package URLs in them by packageurl-python. Prints a line for each problem, and exits 1 where there is one."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import ParseDict, ParseError
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from packageurl import PackageURL
from spdx_tools.spdx.parser.error import SPDXParsingError
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def spdx(path):
    """As `pyspdxtools --infile` does it."""
    try:
        document = parse_file(str(path))
    except SPDXParsingError as error:
        yield from error.get_messages()
        return
    for problem in validate_full_spdx_document(document, "SPDX-2.3"):
        yield f"{problem.validation_message} ({problem.context.spdx_id})"


def cyclonedx(path):
    text = path.read_text(encoding="utf-8")
    for problem in JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True) or []:
        yield f"{problem.data.json_path}: {problem.data.message[:300]}"


def provenance(path):
    """The messages of the published protobufs, which have no field of another name, and the rules beside them."""
    written = json.loads(path.read_text(encoding="utf-8"))
    try:
        Statement.copy_from_pb(ParseDict(written, StatementMessage())).validate()
        if written["predicateType"] != "https://slsa.dev/provenance/v1":
            yield f"the predicate is {written['predicateType']}"
        found = ParseDict(written["predicate"], Provenance())
        build, run = found.build_definition, found.run_details
        if not (build.build_type and build.external_parameters.fields and run.builder.id):
            yield "a required field of the predicate is empty"
        for resource in [*build.resolved_dependencies, *run.builder.builder_dependencies, *run.byproducts]:
            ResourceDescriptor.copy_from_pb(resource).validate()
    except (ParseError, ValueError) as error:
        yield str(error)


def package_urls(path):
    """The value of each field that has one has to be what packageurl-python writes of it itself."""

    def strings(value):
        if isinstance(value, dict):
            for inner in value.values():
                yield from strings(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from strings(inner)
        elif isinstance(value, str) and value.startswith("pkg:"):
            yield value

    for url in sorted(set(strings(json.loads(path.read_text(encoding="utf-8"))))):
        try:
            canonical = PackageURL.from_string(url).to_string()
        except ValueError as error:
            yield f"{url}: {error}"
            continue
        if canonical != url:
            yield f"{url}: the canonical form is {canonical}"


READERS = {".spdx.json": spdx, ".cdx.json": cyclonedx, "provenance.json": provenance}


def main(paths):
    problems = 0
    for path in paths:
        reader = next(reader for ending, reader in READERS.items() if path.name.endswith(ending))
        for problem in [*reader(path), *package_urls(path)]:
            print(f"{path.name}: {problem}")
            problems += 1
    print(f"{len(paths)} documents, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
