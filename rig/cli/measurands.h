/* `penrig help measurands`: the table of measurands, for people and for programs. */
#ifndef PENRIG_CLI_MEASURANDS_H
#define PENRIG_CLI_MEASURANDS_H

#include <stdbool.h>
#include <stdio.h>

void measurands_print(FILE *out);
/* One JSON array, or CSV. An exit code. */
int measurands_print_form(bool csv);

#endif
