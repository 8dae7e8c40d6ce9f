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
        /* the map's contract: mapsvc/fuse/contract.h */
        {"bad_observation", "it is no observation of the road that can be read"},
        {"unknown_element", "none of the elements that it names is in the map"},
        {"impossible_place", "its observer or what it reports is outside the cell, or further off "
                             "than one sees"},
        {"stale_map_version", "it names a version of the map that does not exist yet"},
        {"nothing_new", "this vehicle was counted for all of it already"},
        {"vehicle_spent", "this vehicle was counted for as many things as one may be in a window"},
        {"too_many_vehicles", "as many vehicles as are kept spoke in this window, and this is none "
                              "of them"},
        {"no_permission", "its certificate does not allow observations of the road"},
        {"bad_map_order", "it is no order that the map takes: what it creates, modifies or deletes "
                          "does not fit, or lies too far from the cell"},
        {"unknown_map_order", "the order that it withdraws or supersedes is not there: see "
                              "/v1/map/orders of a unit"},
        {"map_order_in_force", "another order on this element is in force: --supersedes names the "
                               "one to replace"},
        {"map_order_over", "its time was over before it came: --valid-to says until when"},
        {"map_order_too_early", "it supersedes an order and its own time has not come: give it "
                                "when it has"},
        {"too_many_map_orders", "as many orders wait or are in force as a cell keeps: withdraw "
                                "some"},
        {"map_order_no_room", "the element would have more attributes than one may have (64)"},
        {"no_room", "it would open new suspicions only, and there is room for none, or for none of "
                    "this vehicle"},
        /* identities: ledger/identity/identity.h */
        {"identity_full", "as many certificates as a cell keeps are in force: new ones wait until "
                          "old ones end"},
        {"cert_untrusted", "no trusted root of the cell stands behind its certificate"},
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
