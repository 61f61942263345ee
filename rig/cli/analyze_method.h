/* What `penrig analyze` says of a run that was judged by another version of the method. */
#ifndef PENRIG_CLI_ANALYZE_METHOD_H
#define PENRIG_CLI_ANALYZE_METHOD_H

#include <stdio.h>

#include "rig/offline/replay.h"

/* The results that differ, gathered while a run is derived again. */
struct method_table;

struct method_table *method_table_new(const struct record *stored); /* keeps its verdict; NULL: no memory */
void method_table_free(struct method_table *table);                 /* NULL is fine */
void method_table_add(struct method_table *table, const struct replay_change *change);

/* How many differ, by how much at most, the table, and the verdicts that differ; 80 columns. derived: the record as it
 * was derived again. */
void method_table_print(const struct method_table *table, const struct replay_summary *summary,
			const struct record *derived, FILE *out);

#endif
