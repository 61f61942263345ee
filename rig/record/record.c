/* The record's own life. Leaves out what stands in it: the session's, the estimators' and the verdict's doing. */
#include "rig/record/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/meaning.h"

const char *run_status_name(enum run_status status)
{
	static const char *const names[] = {"complete",       "interrupted", "device_lost",
					    "storage_failed", "refused",     "internal_error"};
	return names[status];
}

struct record *record_new(void)
{
	struct record *record = calloc(1, sizeof(*record));
	if (!record)
		return NULL;
	record->method = METHOD_VERSION;
	record->host_clock_error_s = NAN;
	record->host_clock_frequency_ppm = NAN;
	return record;
}

void record_free(struct record *record)
{
	if (!record)
		return;
	for (unsigned i = 0; record->owns_texts && i < record->files; i++)
		free((char *)record->file[i].text);
	free(record->step_name);
	free(record->sweep);
	free(record->point);
	free(record->seal);
	free(record);
}

/* One more element of a growing array; *items moves. NULL: no memory, nothing changed. */
static void *grow(void *items, unsigned count, unsigned *room, size_t size)
{
	if (count < *room)
		return items;
	unsigned more = *room ? 2 * *room : 8;
	void *moved = reallocarray(items, more, size);
	if (moved)
		*room = more;
	return moved;
}

struct record_point *record_add_point(struct record *record)
{
	struct record_point *points = grow(record->point, record->points, &record->point_room, sizeof(*points));
	if (!points)
		return NULL;
	record->point = points;
	struct record_point *point = &points[record->points++];
	memset(point, 0, sizeof(*point));
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		point->phase_index[i] = UINT64_MAX;
		point->command_index[i] = NAN;
	}
	for (unsigned i = 0; i < POINT_MARKS; i++)
		point->mark[i].host_ns = UINT64_MAX;
	point->stop_latency_ms = NAN;
	return point;
}

struct record_sweep *record_add_sweep(struct record *record)
{
	struct record_sweep *sweeps = grow(record->sweep, record->sweeps, &record->sweep_room, sizeof(*sweeps));
	if (!sweeps)
		return NULL;
	record->sweep = sweeps;
	struct record_sweep *sweep = &sweeps[record->sweeps++];
	memset(sweep, 0, sizeof(*sweep));
	return sweep;
}

struct record_seal *record_add_seal(struct record *record)
{
	struct record_seal *seals = grow(record->seal, record->seals, &record->seal_room, sizeof(*seals));
	if (!seals)
		return NULL;
	record->seal = seals;
	struct record_seal *seal = &seals[record->seals++];
	memset(seal, 0, sizeof(*seal));
	return seal;
}

const struct record_seal *record_rejected(const struct record *record)
{
	const struct record_seal *rejected = NULL;

	for (unsigned i = 0; i < record->seals; i++) {
		const struct record_seal *seal = &record->seal[i];
		const struct meaning *meaning = meaning_find(seal->meaning);
		if (meaning && meaning->word < 0)
			rejected = seal;
		else if (meaning && meaning->word > 0 && seal->state == SEAL_HOLDS)
			rejected = NULL;
	}
	return rejected;
}
