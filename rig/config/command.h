/* "command" of a bench's device: what its samples are, where nothing but the bench file says so. */
#ifndef PENRIG_CONFIG_COMMAND_H
#define PENRIG_CONFIG_COMMAND_H

#include "rig/base/json.h"
#include "rig/config/bench.h"

/* FIELD_CUSTOM into a struct bench_command, whose `there` says that it was read. */
int bench_command_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

/* Completes it by what else its entry says (rate, roles, link), and looks at the program's file: its name counts from the
 * bench file's folder, its digest is taken. Of a device without "command" it does nothing. node: the entry.
 * -EINVAL with file:line:column. */
int bench_command_settle(const struct json_doc *doc, const struct json *node, const struct bench *bench, uint32_t roles,
			 struct bench_device *device, struct err *err);

/* One entry of a list of channels: what all of them say, and the keys of this list besides, whose offsets count in *ret; a
 * key of its own comes before a common one of the same name. END row: key NULL. */
struct channel_text {
	struct command_channel channel;
	int64_t column;
	double range_v;
};
int bench_channel_read(const struct json_doc *doc, const struct json *node, const struct json_field *own,
		       struct channel_text *ret, struct err *err);

/* Whether each role finds a channel of its quantity among these. list: for the message. */
int bench_channels_serve(const struct json_doc *doc, const struct json *list, uint32_t roles,
			 const struct command_channel *const *channel, unsigned channels, struct err *err);

/* On a bench in production the file names the program by its digest, so that whoever approves the bench approves it, too; and on
 * one with a reference pen, so that its pass ends where another program measures. */
int bench_commands_check(const struct bench *bench, struct err *err);

#endif
