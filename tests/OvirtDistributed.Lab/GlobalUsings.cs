// SPDX-License-Identifier: Apache-2.0

// The admin API has a message named Task (one disk of a job); everywhere here the word alone means the other one.
global using Task = System.Threading.Tasks.Task;
