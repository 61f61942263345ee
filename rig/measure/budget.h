/* Lines of a budget by their names: what one point's error has in common with another point's of the same run. */
#ifndef PENRIG_MEASURE_BUDGET_H
#define PENRIG_MEASURE_BUDGET_H

enum budget_shared {
	SHARED_BY_NONE,     /* each point has an error of its own */
	SHARED_BY_SETPOINT, /* all points at one setpoint have the same error, others another */
	SHARED_BY_RUN       /* one error acts on all points, on each by its own contribution */
};

/* A name that the table has not is taken to be of each point's own: differences then keep all of it. */
enum budget_shared budget_shared(const char *line);

#endif
