/* Results of the history, sorted into series. */
#include "rig/study/series.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct series_list *list;
	bool judged; /* only series that a limit was for */
	struct err *err;
};

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static bool belongs(const struct series *s, const struct history_result *r)
{
	return strcmp(s->phantom, r->phantom) == 0 && strcmp(s->method, r->method) == 0 &&
	       strcmp(s->unit, r->unit) == 0 && s->sweep == r->sweep && same(s->depth_mm, r->depth_mm) &&
	       same(s->rate_hz, r->rate_hz);
}

static struct series *add_series(struct series_list *list, const struct history_result *r)
{
	if (list->n == list->room) {
		unsigned room = list->room ? 2 * list->room : 8;
		struct series *more = realloc(list->item, room * sizeof(*more));

		if (!more)
			return NULL;
		list->item = more;
		list->room = room;
	}
	struct series *s = &list->item[list->n++];
	*s = (struct series){.sweep = r->sweep,
			     .depth_mm = r->depth_mm,
			     .rate_hz = r->rate_hz,
			     .lower = r->lower,
			     .upper = r->upper};
	snprintf(s->method, sizeof(s->method), "%s", r->method);
	snprintf(s->unit, sizeof(s->unit), "%s", r->unit);
	snprintf(s->phantom, sizeof(s->phantom), "%s", r->phantom);
	return s;
}

static struct series_value *add_value(struct series *s)
{
	if (s->n == s->room) {
		unsigned room = s->room ? 2 * s->room : 32;
		struct series_value *more = realloc(s->value, room * sizeof(*more));

		if (!more)
			return NULL;
		s->value = more;
		s->room = room;
	}
	return &s->value[s->n++];
}

static int on_result(void *ctx, const struct history_result *r)
{
	struct reading *reading = ctx;
	struct series *s = NULL;

	if (reading->judged && !*r->outcome)
		return 0;
	for (unsigned i = 0; i < reading->list->n && !s; i++)
		if (belongs(&reading->list->item[i], r))
			s = &reading->list->item[i];
	if (!s)
		s = add_series(reading->list, r);
	struct series_value *v = s ? add_value(s) : NULL;
	if (!v)
		return err_set(reading->err, -ENOMEM, "out of memory");
	*v = (struct series_value){.value = r->value,
				   .u = r->u,
				   .expanded_u = r->expanded_u,
				   .judged = *r->outcome != '\0',
				   .passed = strcmp(r->outcome, "pass") == 0};
	snprintf(v->started, sizeof(v->started), "%s", r->started);
	snprintf(v->run, sizeof(v->run), "%s", r->run);
	snprintf(v->dut, sizeof(v->dut), "%s", r->dut);
	s->limits_changed |= !same(s->lower, r->lower) || !same(s->upper, r->upper);
	s->lower = r->lower;
	s->upper = r->upper;
	return 0;
}

static int by_setpoint(const void *a, const void *b)
{
	const struct series *p = a, *q = b;

	if (p->sweep != q->sweep)
		return p->sweep - q->sweep;
	if (p->rate_hz != q->rate_hz)
		return p->rate_hz < q->rate_hz ? -1 : 1;
	if (!same(p->depth_mm, q->depth_mm))
		return p->depth_mm < q->depth_mm ? -1 : 1;
	int by_method = strcmp(p->method, q->method);
	return by_method ? by_method : strcmp(p->phantom, q->phantom);
}

int series_read(struct history *history, const struct history_filter *filter, const char *measurand, const char *method,
		struct series_list *ret, struct err *err)
{
	struct reading reading = {.list = ret, .judged = !method, .err = err};
	int rc = history_each_result(history, filter, measurand, method, on_result, &reading, err);

	if (!rc && ret->n == 0 && !method) {
		reading.judged = false;
		rc = history_each_result(history, filter, measurand, NULL, on_result, &reading, err);
	}
	if (!rc && ret->n)
		qsort(ret->item, ret->n, sizeof(*ret->item), by_setpoint);
	return rc;
}

void series_free(struct series_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		free(list->item[i].value);
	free(list->item);
	*list = (struct series_list){.n = 0};
}
