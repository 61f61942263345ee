/* `penrig help measurands`: the table of measurands, for people and for programs. */
#ifndef PENRIG_CLI_MEASURANDS_H
#define PENRIG_CLI_MEASURANDS_H

#include <stdio.h>

void measurands_print(FILE *out);
/* One JSON array. An exit code. */
int measurands_print_json(FILE *out);

#endif
