/* The parts of the page that report_html writes: words (words.c), pictures (pictures.c), points (points.c), put together
 * in page.c. Every text of a file or a device is escaped here and nowhere else. */
#ifndef PENRIG_REPORTS_HTML_HTML_H
#define PENRIG_REPORTS_HTML_HTML_H

#include <stdio.h>

#include "rig/record/record.h"
#include "rig/runfile/runfile.h"

extern const char html_style[]; /* of every page */

/* ---- words */
void html_text(FILE *out, const char *text);
/* <tr><th>name<td>text; nothing where the text is empty. */
void html_row(FILE *out, const char *name, const char *text);
/* The outcome with its sign, so that it is told without colour: a span of class pass, conditional_pass ... */
void html_outcome(FILE *out, enum outcome outcome);
/* The same of a record that has a verdict. */
void html_verdict(FILE *out, const struct record *record);
/* The same of a later one. */
void html_judged(FILE *out, const struct record_judged *judged);
/* "1.0034 ± 0.0051 mm", or "not known". */
void html_value(FILE *out, const struct finding *finding);
/* "0.9 to 1.1 mm", "≤ 3 %" */
void html_limit(FILE *out, const struct finding *finding);
/* Why it is not well, the judgement's words before the result's; "" where there are none. */
const char *html_reason(const struct finding *finding);
/* The sign of an outcome in pictures and words: a disc, a triangle, a square, a cross. */
enum html_sign { SIGN_DISC, SIGN_TRIANGLE, SIGN_SQUARE, SIGN_CROSS };
enum html_sign html_sign_of(enum outcome outcome);

/* ---- pictures */
/* One graph for each measurand that has a limit: the points that count with their expanded uncertainties and limits. */
void html_graphs(FILE *out, const struct record *record);
/* Where a judged value stands between its limits, as wide as a cell. */
void html_strip(FILE *out, const struct finding *finding);
/* A bar of so much of a whole, 0 to 1. */
void html_bar(FILE *out, double share);

/* Of a sweep: depth against setpoint with limits and U, and what a straight line leaves of it. */
void html_sweep_graphs(FILE *out, const struct record *record, const struct record_sweep *sweep);

/* ---- strokes (strokes.c) */
/* Of one point: the depth of every stroke over time, one by one or as an envelope, and the histogram of periods. */
int html_strokes(FILE *out, const struct record *record, unsigned point, struct runfile_reader *reader,
		 struct err *err);
/* Of one point: the force of its first strokes laid over one another (overlay.c). */
int html_overlay(FILE *out, const struct record *record, unsigned point, struct runfile_reader *reader,
		 struct err *err);
/* Temperatures over the run, with the fits of steady states and the limits (temperatures.c). */
int html_temperatures(FILE *out, const struct record *record, struct runfile_reader *reader, struct err *err);

/* ---- points */
/* What is not well, first things first: required limits of the points that count, tests, what the pen reported. */
void html_failures(FILE *out, const struct record *record);
/* Every attempt: results, strokes where the run file is there, the budget of what was judged, model checks. */
int html_points(FILE *out, const struct record *record, struct runfile_reader *reader, struct err *err);
void html_sweeps(FILE *out, const struct record *record);

#endif
