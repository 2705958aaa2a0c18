#include "core/host.h"

#include <windows.h>

uint32_t host_core_count(void)
{
    DWORD_PTR mine, all;
    return GetProcessAffinityMask(GetCurrentProcess(), &mine, &all)
               ? (uint32_t)__builtin_popcountll(mine)
               : 1;
}

uint64_t host_memory_bytes(void)
{
    MEMORYSTATUSEX memory = { .dwLength = sizeof memory };
    return GlobalMemoryStatusEx(&memory) ? memory.ullTotalPhys : 0;
}
