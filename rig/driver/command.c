/* The formats of samples without a word about themselves. */
#include "rig/driver/command.h"

#include <stddef.h>
#include <string.h>

/* An unsigned integer fills its width, and a run file keeps signed ones: it takes the next. Of 32 bits none is wider. */
const struct command_format command_formats[] = {
	{.name = "csv", .bytes = 0, .is_signed = true, .bits = 32},
	{.name = "s16le", .bytes = 2, .is_signed = true, .bits = 16},
	{.name = "s16be", .bytes = 2, .is_signed = true, .big_endian = true, .bits = 16},
	{.name = "u16le", .bytes = 2, .bits = 24},
	{.name = "u16be", .bytes = 2, .big_endian = true, .bits = 24},
	{.name = "s24le", .bytes = 3, .is_signed = true, .bits = 24},
	{.name = "s24be", .bytes = 3, .is_signed = true, .big_endian = true, .bits = 24},
	{.name = "u24le", .bytes = 3, .bits = 32},
	{.name = "u24be", .bytes = 3, .big_endian = true, .bits = 32},
	{.name = "s32le", .bytes = 4, .is_signed = true, .bits = 32},
	{.name = "s32be", .bytes = 4, .is_signed = true, .big_endian = true, .bits = 32},
	{.name = "ild1420",
	 .bytes = 3,
	 .bits = 24,
	 .value_bits = 6,
	 .mark = {0, 0x40, 0x80},
	 .mark_further = 0xC0,
	 .none = 262075},
	{.name = "ild1402",
	 .bytes = 2,
	 .big_endian = true,
	 .bits = 16,
	 .value_bits = 7,
	 .mark = {0x80, 0},
	 .none = 16370,
	 .columns_max = 1},
	{.name = NULL},
};

const struct command_format *command_format_find(const char *name)
{
	for (const struct command_format *f = command_formats; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}
