/* The record of a run as a person reads it: on a terminal, in a log, in a text report. Writes to a stream and asks
 * nothing of the machine: how wide and how coloured is said by struct style. Judges nothing: every outcome and reason is
 * the record's own. */
#ifndef PENRIG_REPORTS_RENDER_H
#define PENRIG_REPORTS_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "rig/record/record.h"

struct style {
	bool colour, utf8, big; /* big: block letters for the verdict */
	unsigned width;         /* columns */
};

/* All of the following, as the text report has it: who, what and when; and what came of it, with the verdict at its end. */
void render_record(FILE *out, const struct style *style, const struct record *record);
void render_origins(FILE *out, const struct record *record);
void render_outcomes(FILE *out, const struct style *style, const struct record *record);

/* What stops the pen where penrig cannot; of a pen made of parts, how depth and rate come about and on whose word it stands
 * which pen it was. A row for each, nothing where the record does not say. */
/* "points that had to be measured again: 3, of them 1 because of the rig: timing"; empty where none had to. Returns ret. */
const char *render_again(const struct record *record, char ret[160]);
/* Who rejected the run since, by a seal that was read with it; "" where nobody did, or somebody who is trusted here accepted it later.
 * Returns ret. */
#define RENDER_REJECTED_MAX 200
const char *render_rejected(const struct record *record, char ret[RENDER_REJECTED_MAX]);
/* The line about the bench's reference pen; empty where it has none. Returns ret. */
const char *render_golden(const struct record_golden *golden, char *ret, size_t size);
void render_made_of(void (*row)(FILE *out, const char *name, const char *text), FILE *out, const struct record *record);
/* Of a resumed run, each session: its run, when, which points, how it ended. */
void render_sessions(void (*row)(FILE *out, const char *name, const char *text), FILE *out,
		     const struct record *record);
/* Who, what and when. */
void render_header(FILE *out, const struct record *record);
/* Of an imported recording: the file, how it was read, rows that are missing. */
void render_origin(FILE *out, const struct record_origin *o);
/* Who vouches for a recording, and their statement; nothing where nobody does. */
void render_statement(FILE *out, const struct record *record);
/* A table of every attempt, by step, with the reason of each outcome that is no pass. */
void render_points(FILE *out, const struct style *style, const struct record *record);
/* Sweeps, tests of the pen, what the pen reported. */
void render_extras(FILE *out, const struct style *style, const struct record *record);
/* What is not well beside what the verdict says of it, the worst first: for whoever does not print the points. */
void render_failures(FILE *out, const struct record *record);
/* The verdict, what became of the run, and whether the pen was seen to stand still. */
void render_verdict(FILE *out, const struct style *style, const struct record *record);
/* Who signed, when, what for, and whether it holds; nothing where the record names no seal. */
void render_seals(FILE *out, const struct record *record);
/* What must be read from across the room. */
void render_stop_unverified(FILE *out, const struct style *style, const char *why);

/* Words in letters of seven rows, one below the other and all as wide as the longest one allows; false and nothing printed where one
 * of them does not fit or holds a letter that there is none for: part of a verdict would be another one. */
bool render_banner(FILE *out, const struct style *style, const char *words);

#endif
