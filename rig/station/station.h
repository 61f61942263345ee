/* The operator station: one page for the benches of one computer. Every run is a child (supervise.h); what the page shows is
 * the state of this process and of its folder. */
#ifndef PENRIG_STATION_STATION_H
#define PENRIG_STATION_STATION_H

#include "rig/base/loop.h"
#include "rig/station/config.h"

struct station;

/* Takes over what runs, and what ended meanwhile; listens. -EBUSY: another station has this folder. -errno with text. */
int station_open(const struct station_config *config, struct loop *loop, struct station **ret, struct err *err);
void station_close(struct station *station); /* NULL is fine; what runs goes on */

unsigned station_port(const struct station *station);

#endif
