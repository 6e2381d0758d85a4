// SPDX-License-Identifier: Apache-2.0

// The admin API's word for one disk of a job is Task too; here the short name is the runtime's.
global using Task = System.Threading.Tasks.Task;
