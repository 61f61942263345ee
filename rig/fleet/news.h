/* What an agent tells a broker of its benches (docs/telemetry.md). With no telemetry each of these does nothing; none waits. */
#ifndef PENRIG_FLEET_NEWS_H
#define PENRIG_FLEET_NEWS_H

#include "rig/fleet/seat.h"

/* As the agent's configuration says. -errno with text: what --mqtt names is wrong, or the library is not there. */
int news_open(struct agent *agent, struct err *err);
void news_close(struct agent *agent); /* each bench is offline from here on */
/* Its state, where it is another one than before or BEAT has passed; and what a person may want to know of the broker. */
void news_state(struct agent *agent, uint64_t now_ns);
void news_event(struct seat *seat, const struct json *event); /* of the run at hand */
void news_ended(struct seat *seat); /* the run has: one that died before it said how is told all the same */

#endif
