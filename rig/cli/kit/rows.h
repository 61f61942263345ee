/* Rows of option tables that many commands have. at: offset of the member in the command's options; group: a heading above the row, or
 * NULL. */
#ifndef PENRIG_CLI_KIT_ROWS_H
#define PENRIG_CLI_KIT_ROWS_H

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/table.h"

#define TEXT_ROW(at, group_, word, argument, text)                                                                     \
	{                                                                                                              \
		.name = word, .kind = OPTION_TEXT, .arg = argument, .offset = (at), .group = group_, .help = text      \
	}
#define STATE_ROW(at, group)                                                                                           \
	TEXT_ROW(at, group, "state", "DIR",                                                                            \
		 "The folder of what outlives a run. Default: /var/lib/penrig where it stands, else the user's own.")
#define HISTORY_ROW(at, group)                                                                                         \
	TEXT_ROW(at, group, "history", "FILE", "The history. Default: the file \"history\" in the folder of --state.")
#define SINCE_ROW(at, group)                                                                                           \
	TEXT_ROW(at, group, "since", "TIME", "Begun then or later: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, in UTC.")
#define UNTIL_ROW(at, group) TEXT_ROW(at, group, "until", "TIME", "Begun before the end of that day or second.")
#define JSON_ROW(at)                                                                                                   \
	{                                                                                                              \
		.name = "json", .kind = OPTION_FLAG, .offset = (at), .help = TABLE_JSON_HELP                           \
	}
#define CSV_ROW(at)                                                                                                    \
	{                                                                                                              \
		.name = "csv", .kind = OPTION_FLAG, .offset = (at), .help = TABLE_CSV_HELP                             \
	}

#endif
