/* What the record says of the computer: name, kernel, and how far its clock can be believed. */
#include "rig/record/host.h"

#include <math.h>
#include <stdio.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

#include "rig/base/loop.h"

void host_name(char *ret, size_t size)
{
	struct utsname name;
	snprintf(ret, size, "%.63s", uname(&name) == 0 ? name.nodename : "");
}

void host_describe(struct record *record)
{
	struct utsname name;
	host_name(record->host, sizeof(record->host));
	if (uname(&name) == 0)
		snprintf(record->host_kernel, sizeof(record->host_kernel), "%.30s %.60s", name.sysname, name.release);
	record->host_clock_error_s = record->host_clock_frequency_ppm = NAN;
	struct timex clock = {.modes = 0};
	int state = adjtimex(&clock);
	if (state < 0)
		return;
	record->host_clock_synchronised = state != TIME_ERROR && !(clock.status & STA_UNSYNC);
	record->host_clock_error_s = (double)clock.esterror * 1e-6;
	record->host_clock_frequency_ppm = (double)clock.freq / 65536.0;
}

void utc_text(uint64_t wall_ns, char ret[32])
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t n = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret + n, 32 - n, ".%03uZ", (unsigned)(wall_ns % NS_PER_S / NS_PER_MS));
}
