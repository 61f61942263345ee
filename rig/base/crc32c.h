/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, initial and final inversion). "123456789" gives 0xE3069283. */
#ifndef PENRIG_BASE_CRC32C_H
#define PENRIG_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len); /* start with 0; feed back to continue */

/* The same without the CPU's CRC instruction: what crc32c() uses where there is none. Same results. */
uint32_t crc32c_software(uint32_t crc, const void *data, size_t len);

#endif
