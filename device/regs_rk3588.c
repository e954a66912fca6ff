/* SPDX-License-Identifier: MIT */
/*
 * Names of blocks and registers, for messages, and their documented bits: a sorted table and a
 * search in it.
 */
#include "device/regs_rk3588.h"

#include <stdlib.h>

struct register_name {
	uint32_t offset;
	uint32_t bits; /* documented */
	const char *name;
};

static const struct register_name register_names[] = {
	{0x0000, 0xffffffff, "VERSION"},
	{0x0004, 0xffffffff, "VERSION_NUM"},
	{0x0008, 0x00000001, "OPERATION_ENABLE"},
	{0x0010, 0xfffffff1, "BASE_ADDRESS"},
	{0x0014, 0xf003ffff, "REGISTER_AMOUNTS"},
	{0x0020, 0x00003fff, "INTERRUPT_MASK"},
	{0x0024, 0x00003fff, "INTERRUPT_CLEAR"},
	{0x0028, 0x00003fff, "INTERRUPT_STATUS"},
	{0x002c, 0x00003fff, "INTERRUPT_RAW_STATUS"},
	{0x0030, 0x00003fff, "TASK_CON"},
	{0x0034, 0xfffffff0, "TASK_DMA_BASE_ADDR"},
	{0x003c, 0x0fffffff, "TASK_STATUS"},
	{0x1000, 0x00030003, "S_STATUS"},
	{0x1004, 0x3001003f, "S_POINTER"},
	{0x1008, 0x00000001, "OPERATION_ENABLE"},
	{0x100c, 0x6001f3ff, "CONV_CON1"},
	{0x1010, 0x70ff3ff7, "CONV_CON2"},
	{0x1014, 0x73ff3f3f, "CONV_CON3"},
	{0x1020, 0x07ff07ff, "DATA_SIZE0"},
	{0x1024, 0x3fffffff, "DATA_SIZE1"},
	{0x1028, 0x000007ff, "DATA_SIZE2"},
	{0x102c, 0x00ffffff, "DATA_SIZE3"},
	{0x1030, 0xffffffff, "WEIGHT_SIZE0"},
	{0x1034, 0x0007ffff, "WEIGHT_SIZE1"},
	{0x1038, 0x1f1f3fff, "WEIGHT_SIZE2"},
	{0x1040, 0x000037ff, "CBUF_CON0"},
	{0x1044, 0x00003fff, "CBUF_CON1"},
	{0x104c, 0x0fffffff, "CVT_CON0"},
	{0x1050, 0xffffffff, "CVT_CON1"},
	{0x1054, 0xffffffff, "CVT_CON2"},
	{0x1058, 0xffffffff, "CVT_CON3"},
	{0x105c, 0xffffffff, "CVT_CON4"},
	{0x1060, 0xffff0001, "FC_CON0"},
	{0x1064, 0x0001ffff, "FC_CON1"},
	{0x1068, 0x000000ff, "PAD_CON0"},
	{0x1070, 0xffffffff, "FEATURE_DATA_ADDR"},
	{0x1074, 0x0001ffff, "FC_CON2"},
	{0x1078, 0x800f000f, "DMA_CON0"},
	{0x107c, 0x0fffffff, "DMA_CON1"},
	{0x1080, 0x0fffffff, "DMA_CON2"},
	{0x1084, 0x3fff07ff, "FC_DATA_SIZE0"},
	{0x1088, 0x0000ffff, "FC_DATA_SIZE1"},
	{0x1090, 0x00000017, "CLK_GATE"},
	{0x1100, 0x0000000f, "DCOMP_CTRL"},
	{0x1104, 0xffffffff, "DCOMP_REGNUM"},
	{0x1110, 0xffffffff, "DCOMP_ADDR0"},
	{0x1140, 0xffffffff, "DCOMP_AMOUNT0"},
	{0x1144, 0xffffffff, "DCOMP_AMOUNT1"},
	{0x1148, 0xffffffff, "DCOMP_AMOUNT2"},
	{0x114c, 0xffffffff, "DCOMP_AMOUNT3"},
	{0x1150, 0xffffffff, "DCOMP_AMOUNT4"},
	{0x1154, 0xffffffff, "DCOMP_AMOUNT5"},
	{0x1158, 0xffffffff, "DCOMP_AMOUNT6"},
	{0x115c, 0xffffffff, "DCOMP_AMOUNT7"},
	{0x1160, 0xffffffff, "DCOMP_AMOUNT8"},
	{0x1164, 0xffffffff, "DCOMP_AMOUNT9"},
	{0x1168, 0xffffffff, "DCOMP_AMOUNT10"},
	{0x116c, 0xffffffff, "DCOMP_AMOUNT11"},
	{0x1170, 0xffffffff, "DCOMP_AMOUNT12"},
	{0x1174, 0xffffffff, "DCOMP_AMOUNT13"},
	{0x1178, 0xffffffff, "DCOMP_AMOUNT14"},
	{0x117c, 0xffffffff, "DCOMP_AMOUNT15"},
	{0x1180, 0xffffffff, "CVT_CON5"},
	{0x1184, 0xffffffff, "PAD_CON1"},
	{0x3000, 0x00030003, "S_STATUS"},
	{0x3004, 0x3001003f, "S_POINTER"},
	{0x3008, 0x00000001, "OPERATION_ENABLE"},
	{0x300c, 0x07ffffff, "MAC_GATING"},
	{0x3010, 0x000fc703, "MISC_CFG"},
	{0x3014, 0xffffffff, "DATAOUT_SIZE_0"},
	{0x3018, 0x0000ffff, "DATAOUT_SIZE_1"},
	{0x301c, 0x0000005f, "CLIP_TRUNCATE"},
	{0x3030, 0x00000000, "RESERVED_3030"},
	{0x4000, 0x00030003, "S_STATUS"},
	{0x4004, 0x0001003f, "S_POINTER"},
	{0x4008, 0x00000001, "OPERATION_ENABLE"},
	{0x400c, 0xffffffff, "FEATURE_MODE_CFG"},
	{0x4010, 0xffffffff, "DATA_FORMAT"},
	{0x4014, 0x0000ffff, "OFFSET_PEND"},
	{0x4018, 0xffffffff, "WDMA_SIZE_0_OLD"},
	{0x401c, 0xffffffff, "WDMA_SIZE_1_OLD"},
	{0x4020, 0xffffffff, "DST_BASE_ADDR"},
	{0x4024, 0xfffffff0, "DST_SURF_STRIDE"},
	{0x4030, 0x00001fff, "DATA_CUBE_WIDTH"},
	{0x4034, 0x01c01fff, "DATA_CUBE_HEIGHT"},
	{0x4038, 0x1fff1fff, "DATA_CUBE_NOTCH_ADDR"},
	{0x403c, 0x1fff1fff, "DATA_CUBE_CHANNEL"},
	{0x4040, 0x000f01f3, "BS_CFG"},
	{0x4044, 0xffffffff, "BS_ALU_CFG"},
	{0x4048, 0xffff3f03, "BS_MUL_CFG"},
	{0x404c, 0xffffffff, "BS_RELUX_CMP_VALUE"},
	{0x4050, 0xf80007ff, "BS_OW_CFG"},
	{0x4054, 0x0000ffff, "BS_OW_OP"},
	{0x4058, 0x0fff1fff, "WDMA_SIZE_0"},
	{0x405c, 0x1fff1fff, "WDMA_SIZE_1"},
	{0x4060, 0x000f01f3, "BN_CFG"},
	{0x4064, 0xffffffff, "BN_ALU_CFG"},
	{0x4068, 0xffff3f03, "BN_MUL_CFG"},
	{0x406c, 0xffffffff, "BN_RELUX_CMP_VALUE"},
	{0x4070, 0xf0ff07e7, "EW_CFG"},
	{0x4074, 0xffffffff, "EW_CVT_OFFSET_VALUE"},
	{0x4078, 0xffffffff, "EW_CVT_SCALE_VALUE"},
	{0x407c, 0xffffffff, "EW_RELUX_CMP_VALUE"},
	{0x4080, 0xffffffff, "OUT_CVT_OFFSET"},
	{0x4084, 0x0001ffff, "OUT_CVT_SCALE"},
	{0x4088, 0xc00fffff, "OUT_CVT_SHIFT"},
	{0x4090, 0xffffffff, "EW_OP_VALUE_0"},
	{0x4094, 0xffffffff, "EW_OP_VALUE_1"},
	{0x4098, 0xffffffff, "EW_OP_VALUE_2"},
	{0x409c, 0xffffffff, "EW_OP_VALUE_3"},
	{0x40a0, 0xffffffff, "EW_OP_VALUE_4"},
	{0x40a4, 0xffffffff, "EW_OP_VALUE_5"},
	{0x40a8, 0xffffffff, "EW_OP_VALUE_6"},
	{0x40ac, 0xffffffff, "EW_OP_VALUE_7"},
	{0x40c0, 0xfffffff0, "SURFACE_ADD"},
	{0x40c4, 0x00000000, "RESERVED_40C4"},
	{0x4100, 0x000303ff, "LUT_ACCESS_CFG"},
	{0x4104, 0x0000ffff, "LUT_ACCESS_DATA"},
	{0x4108, 0x000000ff, "LUT_CFG"},
	{0x410c, 0x00ffff00, "LUT_INFO"},
	{0x4110, 0xffffffff, "LUT_LE_START"},
	{0x4114, 0xffffffff, "LUT_LE_END"},
	{0x4118, 0xffffffff, "LUT_LO_START"},
	{0x411c, 0xffffffff, "LUT_LO_END"},
	{0x4120, 0xffffffff, "LUT_LE_SLOPE_SCALE"},
	{0x4124, 0x000003ff, "LUT_LE_SLOPE_SHIFT"},
	{0x4128, 0xffffffff, "LUT_LO_SLOPE_SCALE"},
	{0x412c, 0x000003ff, "LUT_LO_SLOPE_SHIFT"},
	{0x5000, 0x00030003, "RDMA_S_STATUS"},
	{0x5004, 0x0001003f, "RDMA_S_POINTER"},
	{0x5008, 0x00000001, "RDMA_OPERATION_ENABLE"},
	{0x500c, 0x00001fff, "RDMA_DATA_CUBE_WIDTH"},
	{0x5010, 0x1fff1fff, "RDMA_DATA_CUBE_HEIGHT"},
	{0x5014, 0x00001fff, "RDMA_DATA_CUBE_CHANNEL"},
	{0x5018, 0xffffffff, "RDMA_SRC_BASE_ADDR"},
	{0x501c, 0x0000001e, "RDMA_BRDMA_CFG"},
	{0x5020, 0xffffffff, "RDMA_BS_BASE_ADDR"},
	{0x5028, 0x0000001e, "RDMA_NRDMA_CFG"},
	{0x502c, 0xffffffff, "RDMA_BN_BASE_ADDR"},
	{0x5034, 0xf000000f, "RDMA_ERDMA_CFG"},
	{0x5038, 0xffffffff, "RDMA_EW_BASE_ADDR"},
	{0x5040, 0xfffffff0, "RDMA_EW_SURF_STRIDE"},
	{0x5044, 0x0003ffff, "RDMA_FEATURE_MODE_CFG"},
	{0x5048, 0xfff83fff, "RDMA_SRC_DMA_CFG"},
	{0x504c, 0xfffffff0, "RDMA_SURF_NOTCH"},
	{0x5064, 0xffff0077, "RDMA_PAD_CFG"},
	{0x5068, 0xffffffff, "RDMA_WEIGHT"},
	{0x506c, 0xfffffff0, "RDMA_EW_SURF_NOTCH"},
	{0x6000, 0x00030003, "S_STATUS"},
	{0x6004, 0x0001003f, "S_POINTER"},
	{0x6008, 0x00000001, "OPERATION_ENABLE"},
	{0x600c, 0x00001fff, "DATA_CUBE_IN_WIDTH"},
	{0x6010, 0x00001fff, "DATA_CUBE_IN_HEIGHT"},
	{0x6014, 0x00001fff, "DATA_CUBE_IN_CHANNEL"},
	{0x6018, 0x00001fff, "DATA_CUBE_OUT_WIDTH"},
	{0x601c, 0x00001fff, "DATA_CUBE_OUT_HEIGHT"},
	{0x6020, 0x00001fff, "DATA_CUBE_OUT_CHANNEL"},
	{0x6024, 0x5fff00f3, "OPERATION_MODE_CFG"},
	{0x6034, 0x00ff0f0f, "POOLING_KERNEL_CFG"},
	{0x6038, 0x0001ffff, "RECIP_KERNEL_WIDTH"},
	{0x603c, 0x0001ffff, "RECIP_KERNEL_HEIGHT"},
	{0x6040, 0x00007777, "POOLING_PADDING_CFG"},
	{0x6044, 0xffffffff, "PADDING_VALUE_1_CFG"},
	{0x6048, 0x00000007, "PADDING_VALUE_2_CFG"},
	{0x6070, 0xfffffff0, "DST_BASE_ADDR"},
	{0x607c, 0xfffffff0, "DST_SURF_STRIDE"},
	{0x6084, 0xffffffff, "DATA_FORMAT"},
	{0x60dc, 0xffff018f, "MISC_CTRL"},
	{0x7000, 0x00030003, "RDMA_S_STATUS"},
	{0x7004, 0x0001003f, "RDMA_S_POINTER"},
	{0x7008, 0x00000001, "RDMA_OPERATION_ENABLE"},
	{0x700c, 0x00001fff, "RDMA_CUBE_IN_WIDTH"},
	{0x7010, 0x00001fff, "RDMA_CUBE_IN_HEIGHT"},
	{0x7014, 0x00001fff, "RDMA_CUBE_IN_CHANNEL"},
	{0x701c, 0xffffffff, "RDMA_SRC_BASE_ADDR"},
	{0x7024, 0xfffffff0, "RDMA_SRC_LINE_STRIDE"},
	{0x7028, 0xfffffff0, "RDMA_SRC_SURF_STRIDE"},
	{0x7030, 0x00000003, "RDMA_DATA_FORMAT"},
	{0x8000, 0x0000ffff, "CFG_OUTSTANDING"},
	{0x8004, 0xffffffff, "RD_WEIGHT_0"},
	{0x8008, 0x0000ffff, "WR_WEIGHT_0"},
	{0x800c, 0x000003df, "CFG_ID_ERROR"},
	{0x8010, 0x000000ff, "RD_WEIGHT_1"},
	{0x8014, 0x00000001, "CFG_DMA_FIFO_CLR"},
	{0x8018, 0x00000377, "CFG_DMA_ARB"},
	{0x8020, 0x000003ff, "CFG_DMA_RD_QOS"},
	{0x8024, 0x00001fff, "CFG_DMA_RD_CFG"},
	{0x8028, 0x00001fff, "CFG_DMA_WR_CFG"},
	{0x802c, 0xffffffff, "CFG_DMA_WSTRB"},
	{0x8030, 0x00000100, "CFG_STATUS"},
	{0xf008, 0x0000007d, "OPERATION_ENABLE"},
};

static int compare_offset(const void *key, const void *member)
{
	uint32_t offset = *(const uint32_t *)key;
	const struct register_name *entry = member;

	return (offset > entry->offset) - (offset < entry->offset);
}

static const struct register_name *find_register(uint32_t offset)
{
	return bsearch(&offset, register_names, sizeof(register_names) / sizeof(*register_names),
		       sizeof(*register_names), compare_offset);
}

const char *rk3588_register_name(uint32_t offset)
{
	const struct register_name *entry = find_register(offset);

	return entry ? entry->name : NULL;
}

uint32_t rk3588_register_bits(uint32_t offset)
{
	const struct register_name *entry = find_register(offset);

	return entry ? entry->bits : 0;
}

const char *rk3588_block_name(unsigned block)
{
	static const char *const names[] = {
		[RK3588_PC] = "PC",
		[RK3588_CNA] = "CNA",
		[RK3588_CORE] = "CORE",
		[RK3588_DPU] = "DPU",
		[RK3588_DPU_RDMA] = "DPU_RDMA",
		[RK3588_PPU] = "PPU",
		[RK3588_PPU_RDMA] = "PPU_RDMA",
		[REG_DDMA >> 12] = "DDMA",
		[REG_GLOBAL_OPERATION_ENABLE >> 12] = "GLOBAL",
	};

	return block < sizeof(names) / sizeof(*names) ? names[block] : NULL;
}
