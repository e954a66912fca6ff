/* SPDX-License-Identifier: MIT */
/*
 * The sigmoid in the two tables of the DPU's activation unit, one for negative indices and one for
 * the others, in steps of 32 (hardware reference 6.5). An int8 input meets an entry of its own,
 * which is the result; between entries of fp16 the NPU interpolates.
 */
#include "elementwise.h"
#include "regcmd.h"

#include <math.h>

#define TABLE_STEPS    512
#define STEP_INDICES   32
#define ACCESS_WRITE   0x20000u
#define ACCESS_TABLE_1 0x10000u

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

/* In units of 2^-15, less 1, which the output converter adds: so 1 has 16 bits. */
static int16_t fp16_entry(int index)
{
	return (int16_t)(lround(32768 * sigmoid((double)index / ELEMENTWISE_FP16_UNIT)) - 1);
}

static int16_t int8_entry(const struct npu_elementwise_quantization *quantization, int index)
{
	double x = (double)quantization->a_step * index / ELEMENTWISE_INT8_UNIT;
	double value =
		round(sigmoid(x) / (double)quantization->output_step + quantization->output_zero);

	return (int16_t)fmin(fmax(value, -128), 127);
}

void elementwise_emit_tables(const struct npu_elementwise_plan *plan, uint64_t *entries)
{
	for (uint32_t table = 0; table < 2; table++) {
		int first = table == 0 ? -ELEMENTWISE_TABLE_RANGE : 0;

		*entries++ = regcmd_encode(TARGET_DPU, REG_DPU_LUT_ACCESS_CFG,
					   ACCESS_WRITE | table * ACCESS_TABLE_1);
		for (int i = 0; i <= TABLE_STEPS; i++) {
			int index = first + i * STEP_INDICES;
			int16_t entry = plan->shape.type == NPU_FP16
						? fp16_entry(index)
						: int8_entry(&plan->quantization, index);

			*entries++ =
				regcmd_encode(TARGET_DPU, REG_DPU_LUT_ACCESS_DATA, (uint16_t)entry);
		}
	}
}
