/* What a child of the station is asked about a unit. */
#ifndef PENRIG_CLI_STATION_STANDS_H
#define PENRIG_CLI_STATION_STANDS_H

#include "rig/station/config.h"

/* Prints, each as soon as it is known: "decided RUN" for each of its runs that somebody decided about, "history WORD" with a word
 * of station_standings, and where the station has a fleet "server WORD", by runs that are not in the history. The exit code; other than
 * 0 where one of the two is unknown. */
int station_say_standing(const struct station_config *config, const char *serial);

#endif
