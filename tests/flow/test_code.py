from sejong.flow.code import code_hash, libraries, reached


def test_a_stage_reaches_its_own_code_and_libraries_but_no_other_stage() -> None:
    modules, _ = reached("sejong.train.pretrain")
    assert "sejong.train.pretrain" in modules
    assert not [one for one in modules if one.startswith(("sejong.corpus", "sejong.serve", "sejong.flow", "sejong.recipe"))]
    assert {"python", "torch", "transformers"} <= libraries("sejong.train.pretrain").keys()
    assert "torch" not in libraries("sejong.corpus.stage")


def test_data_files_count_as_code_where_they_are_named() -> None:
    assert code_hash("sejong.errors") != code_hash("sejong.errors", ("sizes.toml",))
