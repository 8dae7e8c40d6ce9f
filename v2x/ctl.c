#include "v2x/ctl.h"

#include "base/assert.h"

static void url_read(struct coer *c) {
    (void)coer_octets(c);
}

static void entry_read(struct coer *c, struct ctl_command *ret) {
    struct cert other; /* the predecessor in a link, which the chain does not need */
    bool ok = true;
    size_t at = coer_at(c);
    unsigned kind = coer_choice(c);
    ret->entry = CTL_DC;
    if (kind > CTL_TLM) { /* later editions: after the extension marker */
        (void)coer_octets(c);
        return;
    }
    ret->entry = (enum ctl_entry)kind;
    bool optional = kind != CTL_AA && kind != CTL_DC && coer_preamble(c, 0x7f) != 0;
    if (kind == CTL_DC) {
        url_read(c);
        (void)coer_take(c, 8 * coer_count(c, (size_t)(c->end - c->p)));
        return;
    }
    ok = cert_read(c, &ret->cert);
    if (ok && optional && kind != CTL_EA)
        ok = cert_read(c, &other);
    if (kind != CTL_ROOT)
        url_read(c);
    if (optional && kind == CTL_EA)
        url_read(c);
    if (!ok)
        coer_set_fail_at(c, at, COER_VALUE); /* keeps the certificate's own place */
}

static void delete_read(struct coer *c, struct ctl_command *ret) {
    unsigned kind = coer_choice(c);
    if (kind == 0)
        ret->id = coer_take(c, 8).p;
    else
        (void)coer_octets(c); /* an access point, or something of a later edition */
}

static void command_read(struct coer *c, struct ctl_command *ret) {
    *ret = (struct ctl_command){0};
    unsigned kind = coer_choice(c);
    ret->add = kind == 0;
    if (kind == 0)
        entry_read(c, ret);
    else if (kind == 1)
        delete_read(c, ret);
    else
        (void)coer_octets(c);
}

bool ctl_read(struct coer *c, struct ctl *ret_ctl) {
    *ret_ctl = (struct ctl){0};
    uint8_t present = coer_preamble(c, 0x7f);
    size_t at = coer_at(c);
    if (coer_int(c) != 1) /* unlike around it, not bounded to one octet */
        coer_set_fail_at(c, at, COER_VALUE);
    ret_ctl->next_update_s = coer_u32(c);
    at = coer_at(c);
    uint8_t full = coer_u8(c);
    if (full != 0 && full != 0xff)
        coer_set_fail_at(c, at, COER_VALUE);
    ret_ctl->full = full != 0;
    ret_ctl->sequence = coer_u8(c);
    ret_ctl->n = coer_count(c, (size_t)(c->end - c->p));
    const uint8_t *from = c->p;
    for (size_t i = 0; i < ret_ctl->n && c->fail == COER_OK; i++) {
        struct ctl_command command;
        at = coer_at(c);
        command_read(c, &command);
        if (command.add)
            ret_ctl->kinds |= ctl_permission_bit(command.entry);
        else if (ret_ctl->full) /* a full list says what is there */
            coer_set_fail_at(c, at, COER_VALUE);
    }
    if (c->fail == COER_OK)
        ret_ctl->commands = span_of(from, (size_t)(c->p - from));
    if ((present & 0x80) != 0)
        coer_skip_additions(c);
    if (c->p != c->end)
        coer_set_fail(c, COER_TRAILING);
    return c->fail == COER_OK;
}

void ctl_walk(const struct ctl *ctl, ctl_visitor visit, void *ctx) {
    struct coer c = coer_of(ctl->commands);
    for (size_t i = 0; i < ctl->n; i++) {
        struct ctl_command command;
        command_read(&c, &command);
        WS_ASSERT(c.fail == COER_OK);
        visit(ctx, &command);
    }
}
