"""Special tokens and the chat template: the words between a model and its users.

A document is `<|begin|> text <|end|>`. A conversation is `<|begin|>`, then `<|role|>content<|turn|>` a message, where the role is
system, user, assistant or passage. A passage that an answer should rest on is a message of role `passage` before the
user's: `[{"role": "passage", "content": ...}, {"role": "user", "content": ...}]`.
"""

import json
from pathlib import Path
from typing import Any

SPECIAL_TOKENS = ("<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|passage|>", "<|turn|>")
PAD, BEGIN, END, TURN = "<|pad|>", "<|begin|>", "<|end|>", "<|turn|>"

# `generation` marks what the assistant says, so that `return_assistant_tokens_mask=True` gives the tokens to learn from.
TEMPLATE = """\
{{- '<|begin|>' }}
{%- if default_system and (not messages or messages[0]['role'] != 'system') %}
    {{- '<|system|>' + default_system + '<|turn|>' }}
{%- endif %}
{%- for message in messages %}
    {%- if message['role'] == 'assistant' %}
        {{- '<|assistant|>' }}
        {%- generation %}
            {{- message['content'] + '<|turn|>' }}
        {%- endgeneration %}
    {%- elif message['role'] in ['system', 'user', 'passage'] %}
        {{- '<|' + message['role'] + '|>' + message['content'] + '<|turn|>' }}
    {%- else %}
        {{- raise_exception('a message has the role `' + message['role'] + '`: use system, passage, user or assistant') }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- endif %}
"""


def chat_template(system: str) -> str:
    """The Jinja template, with `system` as the instructions of a conversation that brings none of its own."""
    quoted = json.dumps(system, ensure_ascii=False)  # a JSON string is a Jinja string too
    return f"{{%- set default_system = {quoted} %}}\n{TEMPLATE}"


def write_config(folder: Path, system: str, base: dict[str, Any] | None = None) -> None:
    """Write `tokenizer_config.json` and `special_tokens_map.json`; `base` is the configuration of a base model's tokenizer."""
    config = {
        **(base or {}),
        "tokenizer_class": (base or {}).get("tokenizer_class", "PreTrainedTokenizerFast"),
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": PAD,
        "additional_special_tokens": list(SPECIAL_TOKENS[3:]),
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "chat_template": chat_template(system),
    }
    mapping = {
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": PAD,
        "additional_special_tokens": list(SPECIAL_TOKENS[3:]),
    }
    for name, content in (("tokenizer_config.json", config), ("special_tokens_map.json", mapping)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8")
