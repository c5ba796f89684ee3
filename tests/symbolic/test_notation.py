"""Symbols, names and meanings are those of the dictionary, and its formulas hold in every gas."""

import pytest
import sympy as sp

from thermo_ideal._dictionary import DICTIONARY, SYMBOLS
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic import gas

GASES = {
    "any loss": gas.scale_invariant(),
    "von Mises–Fisher": gas.von_mises_fisher(5),
    "calorically perfect": gas.calorically_perfect(),
}
FORMULAS = {
    quantity.name: quantity.formula
    for quantity in DICTIONARY.values()
    if quantity.formula and quantity.name in GASES["any loss"].quantities
}
SAME_LETTER = {"Z", "VarV"}  # the partition function, and the variance under a piston


def test_every_name_is_one_quantity():
    assert len(set(SYMBOLS.values())) == len(DICTIONARY)


def test_symbols_are_those_of_the_dictionary():
    assert {word: symbol.name for word, symbol in n.NAMES.items()} == {word: SYMBOLS[word] for word in n.NAMES}
    assert n.quantity("entropy") == sp.Symbol("S", real=True)
    assert n.named("entropy") == sp.Symbol("S")
    # What derivations assume is no weaker than the sign in the dictionary.
    assert all(getattr(symbol, f"is_{DICTIONARY[word].sign}") for word, symbol in n.NAMES.items())


def test_tables_add_only_what_the_dictionary_does_not_have():
    for table, of in ((n.LATEX, lambda q: q.latex), (n.MEANING, lambda q: q.meaning)):
        for quantity in DICTIONARY.values():
            assert of(quantity) in table[quantity.name] or quantity.name in SAME_LETTER, quantity.name


@pytest.mark.parametrize("model", GASES)
def test_formulas_of_the_dictionary_hold_in_every_gas(model):
    assert len(FORMULAS) >= 25
    for name, formula in FORMULAS.items():
        residual = sp.expand_log(GASES[model][name] - GASES[model][formula], force=True)
        assert sp.simplify(residual) == 0, name
    assert sp.simplify(GASES[model]["p"] - GASES[model]["d(F)/d(V)|T"]) != 0


@pytest.mark.parametrize("model", GASES)
def test_quantities_have_names_words_and_logarithms(model):
    found = GASES[model]
    assert set(found.quantities) <= set(SYMBOLS.values())
    for word, name in SYMBOLS.items():
        if name in found.quantities:
            assert found[word] == found[name]
            assert (f"log_{word}" in found.names) == (DICTIONARY[word].sign != "real")
    assert found["log_weight_decay"] == found["log_lambda"] == sp.log(found["p"])
