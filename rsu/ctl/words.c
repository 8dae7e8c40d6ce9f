/* Words of refusal that orders and evidence get from a unit or a contract, as sentences for whoever gave them. */
#include "rsu/ctl/ctl.h"

#include "ledger/committee/change.h"

#include <assert.h>
#include <string.h>

static_assert(COMMITTEE_LEAST == 4, "the sentence of too_few says four");

const char *ctl_sentence(const char *word) {
    static const struct {
        const char *word, *sentence;
    } table[] = {
        /* units: ledger/exec/executor.h */
        {"order_sequence",
            "an order of this role with this number or a later one was accepted already or waits "
            "for its block: give it again with --http, which asks for the next number"},
        {"order_expired",
            "it is void by the cell's clock: --http asks for the cell's time, --valid-for makes it "
            "last longer"},
        {"order_quorum",
            "too few authorities of this role signed it, or its keys or genesis are of another "
            "cell"},
        {"contract_refuses", "the contract that it is for finds its content wrong"},
        {"no_contract", "no contract of this cell takes such orders"},
        {"duplicate", "the unit or the cell has it already"},
        {"too_large", "the unit holds all that it can for now: try again"},
        {"oversize", "longer than the cell's parameters allow (tx_octets_max)"},
        /* the committee's contract: ledger/committee/committee.h */
        {"unknown_validator", "no member of the committee has this address: see rsuctl cell "
                              "validators"},
        {"no_change", "the committee is this one already"},
        {"too_few", "a committee keeps at least four members, or as many as it has when it has "
                    "fewer: add the new one first, then remove the old one"},
        {"too_many", "the committee would have more members than a cell can"},
        {"too_heavy",
            "one member would hold a third of the power or more and could stop the cell alone: "
            "give less power, or add others first"},
        {"bad_set", "a key or link key is a member's already, or the power is 0 or too much"},
        {"jailed", "this key was convicted of contradicting itself and cannot come back: make a "
                   "new key"},
        {"bad_params", "a parameter is outside its range"},
        {"unsafe_params", "under these parameters the cell could not be changed again, or would "
                          "exceed what its genesis allows"},
        {"too_often", "there were as many changes lately as are remembered: wait until the oldest "
                      "is forgotten"},
        {"too_new", "the evidence is of a height that the cell has not reached"},
        {"expired", "the evidence is older than the cell looks back"},
        {"known", "everybody whom it proves guilty is convicted of it"},
        {"not_member", "the accused was no member at that height"},
        {"no_offence", "it proves no contradiction"},
        {"other_cell", "it is of another cell"},
        /* learning: fedlearn/round/rounds.h */
        {"no_model", "no model is in force"},
        /* policies: ledger/policy/body.h */
        {"script_refused", "the script gives no table: see rsuctl policy check"},
        {"table_mismatch", "the script gives another table than the order holds"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].word, word) == 0)
            return table[i].sentence;
    }
    return "";
}
