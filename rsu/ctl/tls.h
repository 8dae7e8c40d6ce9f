/* TLS of rsuctl towards a proxy before a unit. Internal to rsu/ctl/http.c. One thread. */
#ifndef WAYSIDE_RSU_CTL_TLS_H
#define WAYSIDE_RSU_CTL_TLS_H

#include "rsu/ctl/ctl.h"

#include <curl/curl.h>

/* TLS 1.2 or later, the other side's certificate checked against its name. The files are looked at here, so that what is wrong
 * with them is said before anything is asked: WS_EINPUT, WS_EIO. */
WARN_UNUSED int ctl_tls_set(CURL *curl, const struct ctl_face *face, struct ws_err *err);
/* What to do about a connection that did not come about; said: libcurl's words. "" when TLS does not seem to be
 * the matter. */
const char *ctl_tls_advice(CURLcode rc, const char *said, const struct ctl_face *face);

#endif
