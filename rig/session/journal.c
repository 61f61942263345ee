/* What the session writes into the run file's journal, as JSON. The chain and the storage are store.c's. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rig/base/json.h"
#include "rig/session/state.h"

static void write_entry(struct session *s, const char *kind, struct json_out *entry)
{
	char *text;
	if (s->runfile && json_out_print(entry, false, &text, NULL) == 0) {
		runfile_journal(s->runfile, loop_now_ns(s->loop), kind, text);
		free(text);
	}
	json_out_free(entry);
}

/* As everywhere else, from 1. */
static int64_t point_number(const struct session *s)
{
	return s->record->point[s->at.index].plan.number + 1;
}

void journal_text(struct session *s, const char *kind, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	struct json_out *entry = json_out_object();
	json_out_string(entry, "text", text);
	if (s->at.open)
		json_out_int(entry, "point", point_number(s));
	write_entry(s, kind, entry);
}

void journal_device(struct session *s, const struct record_device *device)
{
	struct json_out *entry = json_out_object();
	json_out_string(entry, "role", device->role);
	json_out_string(entry, "driver", device->driver);
	json_out_string(entry, "link", device->link.uri);
	json_out_string(entry, "node", device->link.node);
	json_out_string(entry, "maker", device->identity.maker);
	json_out_string(entry, "model", device->identity.model);
	json_out_string(entry, "serial", device->identity.serial);
	json_out_string(entry, "firmware", device->identity.firmware);
	json_out_string(entry, "calibration", device->identity.calibration_id);
	if (device->identity.profile[0]) {
		json_out_string(entry, "profile", device->identity.profile);
		json_out_string(entry, "profile_sha256", device->identity.profile_sha256);
	}
	write_entry(s, "device", entry);
}

void journal_mark(struct session *s, const char *kind, const char *what, uint64_t first_index)
{
	struct json_out *entry = json_out_object();
	json_out_string(entry, kind, what);
	if (s->at.open)
		json_out_int(entry, "point", point_number(s));
	json_out_u64(entry, "next_index", first_index);
	write_entry(s, kind, entry);
}

void journal_setpoint(struct session *s, double depth_mm, double rate_hz)
{
	struct json_out *entry = json_out_object();
	json_out_string(entry, "text", "setpoint");
	json_out_int(entry, "point", point_number(s));
	json_out_number(entry, "depth_mm", depth_mm, 17);
	json_out_number(entry, "rate_hz", rate_hz, 17);
	write_entry(s, "command", entry);
}
