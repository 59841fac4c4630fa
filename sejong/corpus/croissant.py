"""`croissant.json`: the corpus described in Croissant 1.1 (MLCommons), so that other tools load it without knowing Sejong.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html · `mlcroissant validate --jsonld croissant.json`
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sejong.flow import sha256_file

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"  # the name that Croissant readers know
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
MEANINGS = {
    "id": "sha256 of source and locator",
    "text": "the document: Unicode NFC, headings, lists and tables as Markdown, personal identifiers masked by tokens",
    "source": "which source it came from; sources.json describes each",
    "locator": "where in the source: URL, path, or offset",
    "licence": "SPDX identifier where one exists; null where it is unknown",
    "contributor": "who gave or made it",
    "collected": "the source's own date",
    "language": "ISO 639 code",
    "language_score": "confidence of the language identification, 0 to 1",
    "split": "train, validation or test",
}
TYPES = {"language_score": "sc:Float"}


def croissant(folder: Path, language: str, licences: list[str], version: str) -> dict[str, Any]:
    """The metadata of a finished corpus folder, whose Parquet files are hashed.

    Args:
        folder: holds `documents/part-*.parquet`.
        language: ISO 639 code of the nation's language.
        licences: SPDX identifiers of the documents, each once.
        version: of the data, such as the identity of what made it.
    """
    shards = sorted((folder / "documents").glob("*.parquet"))
    columns = [name for name in _columns(shards) if name in MEANINGS]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"corpus-{language}",
        "description": "Text for training a language model, curated document by document; see datasheet.md beside this file.",
        "inLanguage": language,
        "license": licences or ["LicenseRef-unknown"],
        "version": version,
        "distribution": [
            *[
                {
                    "@type": "cr:FileObject",
                    "@id": path.name,
                    "name": path.name,
                    "contentUrl": f"documents/{path.name}",
                    "contentSize": f"{path.stat().st_size} B",
                    "encodingFormat": PARQUET,
                    "sha256": sha256_file(path),
                }
                for path in shards
            ],
        ],
        "recordSet": [_records(path, columns, len(shards)) for path in shards],
    }


def _columns(shards: list[Path]) -> list[str]:
    schema: pa.Schema = pq.read_schema(shards[0]) if shards else pa.schema([])
    return list(schema.names)


def _records(shard: Path, columns: list[str], shards: int) -> dict[str, Any]:
    """The rows of a shard; Croissant reads a record set from one file, so that there is one a shard."""
    name = "documents" if shards == 1 else f"documents-{shard.stem.removeprefix('part-')}"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": {"@id": f"{name}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "description": MEANINGS[column],
                "dataType": TYPES.get(column, "sc:Text"),
                "source": {"fileObject": {"@id": shard.name}, "extract": {"column": column}},
            }
            for column in columns
        ],
    }
