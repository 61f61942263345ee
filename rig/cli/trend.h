/* A trend as it is computed, for the files that show it: words and a picture (trend_show.c), JSON (trend.c). */
#ifndef PENRIG_CLI_TREND_H
#define PENRIG_CLI_TREND_H

#include <stdio.h>

#include "rig/study/capability.h"
#include "rig/study/series.h"

#define TREND_CONFIDENCE 0.95
#define TREND_ROUGH      20 /* fewer values give rough limits */

struct trend_settings {
	enum chart chart;
	struct rule_set rules;
	unsigned subgroup; /* values of one plotted mean */
	double lambda;     /* of CHART_EWMA */
};

struct trend { /* of one series */
	const struct series *series;
	const struct trend_settings *settings;
	unsigned n, skipped; /* plotted values; oldest values that fill no subgroup */
	struct control_limits limits;
	double *plotted, *scatter, *half_width; /* half_width NULL: limits are the same for all */
	unsigned *broken;                       /* RULE_BITs */
	unsigned alarms;
	bool has_capability;
	struct capability capability;
	unsigned judged, passed; /* what could not be judged did not pass */
	struct interval yield;
	double measured_share; /* of the overall variance, what the stated uncertainty of each value alone would make; NaN */
};

/* -ENODATA: too few values, err says how many are needed. trend_free() also after an error. */
int trend_of(const struct series *series, const struct trend_settings *settings, struct trend *ret, struct err *err);
void trend_free(struct trend *trend);
/* Of the last value that the plotted one holds. */
const struct series_value *trend_last_value(const struct trend *trend, unsigned i);

void trend_title(const char *measurand, const struct series *series, char *ret, size_t size);
void trend_print(const char *measurand, const struct trend *trend, unsigned width);
/* The words of the rules in a set. */
void trend_rules(unsigned broken, char *ret, size_t size);
/* One chart into a page that was begun. -ENOMEM. */
int trend_draw_one(FILE *out, const char *measurand, const struct trend *trend, unsigned number);
int trend_page(const char *path, const char *measurand, const struct trend *trend, unsigned count, struct err *err);
int trend_draw(const char *path, const char *measurand, const struct trend *trend, unsigned count, struct err *err);

#endif
