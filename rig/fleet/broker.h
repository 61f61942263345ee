/* A bench's connection to an MQTT broker (3.1.1, over libmosquitto), kept up by itself: a state that stays with the broker and is
 * replaced by a last will when the bench is gone, messages that are confirmed, and news that may be lost. Nothing here waits, but
 * for broker_turn() where a host's name has to be looked up: it belongs into a thread of its own. */
#ifndef PENRIG_FLEET_BROKER_H
#define PENRIG_FLEET_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/fleet/address.h"

#define BROKER_DEADLINE_MS 10000 /* of a connection, and of a confirmation */
#define BROKER_KEEPALIVE_S                                                                                             \
	20 /* a broker that says nothing for so long is away; and it takes us for gone after 1.5 of it */
#define BROKER_WHY 160

struct broker_account { /* borrowed; the same for all connections */
	struct address address;
	const char *ca; /* file; NULL: what the computer trusts */
	char secret[SECRET_MAX];
	bool tls;
};

struct broker; /* one connection */

/* id: the client's, the same each time: the broker ends an older connection of that name, so that its last will never comes
 * behind what this one says. will: what the topic holds once this connection is lost. NULL: no memory. */
struct broker *broker_new(const struct broker_account *account, const char *id, const char *topic, const char *will);
void broker_free(struct broker *broker); /* NULL is fine; says goodbye where it is up */

/* What poll() is to look at; fd -1: nothing. */
int broker_fd(struct broker *broker, short *ret_events);
/* What is due: connecting, reading, writing. revents: what poll() said. */
void broker_turn(struct broker *broker, short revents, int64_t now_ms);
bool broker_is_up(const struct broker *broker);
unsigned broker_times(const struct broker *broker);  /* that it came up */
const char *broker_why(const struct broker *broker); /* the last time that it was lost, or not reached; "" never */

/* One that is confirmed at a time: -EBUSY while the last one is not. retain: it is the topic's state. -ENOTCONN. */
int broker_send(struct broker *broker, const char *topic, const char *text, bool retain, int64_t now_ms);
bool broker_is_waiting(const struct broker *broker);
bool broker_confirmed(struct broker *broker); /* once for each that is */
/* Not confirmed. -EBUSY: what was sent before still waits here. */
int broker_tell(struct broker *broker, const char *topic, const char *text);

#endif
