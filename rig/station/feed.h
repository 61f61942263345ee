/* The newest events for pages, as server-sent events (WHATWG HTML 9.2): a ring of ready texts with ids EPOCH-N. Every event
 * is the whole state of a bench, so a page that was away needs no more than the newest of each. Pure. */
#ifndef PENRIG_STATION_FEED_H
#define PENRIG_STATION_FEED_H

#include <stddef.h>
#include <stdint.h>

#define FEED_EVENTS 256

struct feed;

/* epoch: of this start of the station, so that ids of an earlier one are known as such. NULL: no memory. */
struct feed *feed_new(uint64_t epoch);
void feed_free(struct feed *feed); /* NULL is fine */

/* Adds an event; `data` has no line break. -ENOMEM. */
int feed_add(struct feed *feed, const char *kind, const char *data);

/* Where a page that saw `last_id` goes on ("" or NULL: none): the number of its next event, or 0: it needs everything anew,
 * because the id is of another start, older than the ring, or no id of ours. */
uint64_t feed_after(const struct feed *feed, const char *last_id);
uint64_t feed_next(const struct feed *feed); /* the number that the next event will have; from 1 */

/* The text of event `number`; NULL: overtaken by the ring, or not there yet. */
const char *feed_text(const struct feed *feed, uint64_t number, size_t *ret_len);

#endif
