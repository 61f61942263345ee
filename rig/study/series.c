/* Results of the history, sorted into series. */
#include "rig/study/series.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct series_list *list;
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
	*s = (struct series){
		.sweep = r->sweep, .depth_mm = r->depth_mm, .rate_hz = r->rate_hz, .lower = NAN, .upper = NAN};
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

static int take(struct series *s, const struct history_result *r)
{
	struct series_value *v = add_value(s);

	if (!v)
		return -ENOMEM;
	*v = (struct series_value){.value = r->value,
				   .u = r->u,
				   .expanded_u = r->expanded_u,
				   .run_id = r->run_id,
				   .order = s->n,
				   .method_version = r->method_version,
				   .failed_later = r->failed_later,
				   .judged = *r->outcome != '\0',
				   .passed = strcmp(r->outcome, "pass") == 0};
	snprintf(v->started, sizeof(v->started), "%s", r->started);
	snprintf(v->run, sizeof(v->run), "%s", r->run);
	snprintf(v->dut, sizeof(v->dut), "%s", r->dut);
	snprintf(v->recording, sizeof(v->recording), "%s", r->recording);
	if (isnan(r->value))
		return 0;
	s->limits_changed |= s->measured && (!same(s->lower, r->lower) || !same(s->upper, r->upper));
	s->measured = true;
	s->lower = r->lower;
	s->upper = r->upper;
	return 0;
}

/* What was not measured has no method: it is missing in the series of each. */
static bool is_missing_in(const struct series *s, const struct history_result *r)
{
	struct history_result of = *r;

	of.method = s->method;
	return !*r->method && isnan(r->value) && belongs(s, &of);
}

static int on_result(void *ctx, const struct history_result *r)
{
	struct reading *reading = ctx;
	struct series *s = NULL;

	for (unsigned i = 0; i < reading->list->n && !s; i++)
		if (belongs(&reading->list->item[i], r))
			s = &reading->list->item[i];
	if (!s)
		s = add_series(reading->list, r);
	return s && take(s, r) == 0 ? 0 : err_set(reading->err, -ENOMEM, "out of memory");
}

/* Of nothing but what was not measured, beside series of a method: the same is missing in those. Its own goes. */
static int spread_missing(struct series_list *list)
{
	for (unsigned i = 0; i < list->n; i++) {
		struct series *from = &list->item[i];
		bool taken = false;

		if (*from->method || from->measured)
			continue;
		for (unsigned k = 0; k < list->n; k++) {
			struct series *to = &list->item[k];
			struct history_result at = {.method = "",
						    .phantom = from->phantom,
						    .unit = from->unit,
						    .sweep = from->sweep,
						    .depth_mm = from->depth_mm,
						    .rate_hz = from->rate_hz,
						    .value = NAN};
			if (k == i || !*to->method || !is_missing_in(to, &at))
				continue;
			for (unsigned v = 0; v < from->n; v++) {
				struct series_value *more = add_value(to);
				if (!more)
					return -ENOMEM;
				*more = from->value[v];
			}
			taken = true;
		}
		if (!taken)
			continue;
		free(from->value);
		*from = list->item[--list->n];
		i--;
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct series_value *p = a, *q = b;
	int order = strcmp(p->started, q->started);

	return order ? order : (p->order > q->order) - (p->order < q->order);
}

/* Recorded values first, those of one recording and unit together, the newest run last. */
static int by_recording(const void *a, const void *b)
{
	const struct series_value *p = a, *q = b;
	int order = strcmp(q->recording, p->recording);

	order = order ? order : strcmp(p->dut, q->dut);
	return order ? order : by_time(a, b);
}

static bool same_recording(const struct series_value *a, const struct series_value *b)
{
	return strcmp(a->recording, b->recording) == 0 && strcmp(a->dut, b->dut) == 0;
}

/* Keeps the newest import of each recording. A failure of an older one stays with it. */
static void once_each(struct series *s)
{
	unsigned kept = 0, i = 0;

	qsort(s->value, s->n, sizeof(*s->value), by_recording);
	while (i < s->n && *s->value[i].recording) {
		unsigned end = i, first;
		bool failed = false;

		while (end < s->n && same_recording(&s->value[end], &s->value[i]))
			end++;
		for (first = i; s->value[first].run_id != s->value[end - 1].run_id; first++)
			failed |= s->value[first].judged && !s->value[first].passed;
		s->repeated += first - i;
		for (; first < end; first++) {
			s->value[kept] = s->value[first];
			s->value[kept++].passed &= !failed;
		}
		i = end;
	}
	memmove(s->value + kept, s->value + i, (s->n - i) * sizeof(*s->value));
	s->n = kept + s->n - i;
	qsort(s->value, s->n, sizeof(*s->value), by_time);
}

/* Counts what is to be told of all, and leaves those that have a value. */
static void settle(struct series *s)
{
	unsigned kept = 0;
	int64_t last_failed = -1;

	once_each(s);
	for (unsigned i = 0; i < s->n; i++) {
		const struct series_value *v = &s->value[i];

		s->failed_later += v->failed_later && v->run_id != last_failed;
		last_failed = v->failed_later ? v->run_id : last_failed;
		if (isnan(v->value)) {
			s->unjudged++;
			continue;
		}
		if (!kept || v->method_version < s->oldest_method)
			s->oldest_method = v->method_version;
		if (v->method_version > s->newest_method)
			s->newest_method = v->method_version;
		s->value[kept++] = *v;
	}
	s->n = kept;
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
	struct reading reading = {.list = ret, .err = err};
	int rc = history_each_result(history, filter, measurand, method, !method, on_result, &reading, err);

	if (!rc && ret->n == 0 && !method) {
		rc = history_each_result(history, filter, measurand, NULL, false, on_result, &reading, err);
	}
	if (!rc && spread_missing(ret) < 0)
		rc = err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < ret->n && !rc; i++)
		settle(&ret->item[i]);
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
