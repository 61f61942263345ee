/* Real-time scheduling of the loop's thread, where it is allowed. */
#include "rig/base/priority.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

void priority_take(char *ret, size_t size)
{
	const struct sched_param param = {.sched_priority = sched_get_priority_min(SCHED_RR)};

	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) == 0)
		snprintf(ret, size, "real-time scheduling");
	else
		snprintf(ret, size, "ordinary scheduling, real-time refused: %s", strerror(errno));
}
