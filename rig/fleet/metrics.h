/* What an agent has to tell a monitor: OpenMetrics text in a file, which node_exporter's textfile collector or any other program
 * reads, or over HTTP. May be lost; nothing waits for it. */
#ifndef PENRIG_FLEET_METRICS_H
#define PENRIG_FLEET_METRICS_H

#include "rig/fleet/seat.h"

/* Takes the place of the file at once. -errno with text. */
int metrics_write(const struct agent *agent, const char *path, struct err *err);
/* The same, malloc'd, for a monitor that asks for it (struct http_host). NULL: it cannot be had now. */
char *metrics_text(void *agent, size_t *ret_len);

#endif
